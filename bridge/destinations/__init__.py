"""One API operation of a destination each: model, request, and what an answer means."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.destinations import bonifiq, capillary, cheqpay
from bridge.destinations.endpoint import Endpoint

#: Every endpoint by its name.
ENDPOINTS: Mapping[str, Endpoint] = {
    endpoint.name: endpoint
    for endpoint in (
        bonifiq.CUSTOMER,
        bonifiq.ORDER,
        bonifiq.AFFILIATE,
        cheqpay.CUSTOMER,
        capillary.CUSTOMER,
    )
}
