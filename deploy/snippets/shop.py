"""
A shop of one's own, in Python: ``send("order.paid", order)`` with an order in the words of store-event.schema.json.

WEBHOOK_URL is https://bridge.example/webhooks/my-shop, WEBHOOK_SECRET begins with whsec_.  Nothing but the standard
library.  Call it where waiting harms nobody, best from a queue that survives a restart: what is raised here is lost.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import json
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen


def send(kind: str, data: Mapping[str, Any], waits: Sequence[float] = (1, 10, 60)) -> None:
    """Sign and post an event; what failed is sent again with the same webhook-id.  Amounts are text: str(Decimal)."""
    happened = datetime.now(UTC).isoformat()
    body = json.dumps({"type": kind, "timestamp": happened, "data": data}).encode()
    key = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
    identity = f"msg_{uuid.uuid4().hex}"
    for wait in (*waits, None):
        stamp = str(int(time.time()))
        digest = hmac.digest(key, f"{identity}.{stamp}.".encode() + body, hashlib.sha256)
        headers = {
            "Content-Type": "application/json",
            "Webhook-Id": identity,
            "Webhook-Timestamp": stamp,
            "Webhook-Signature": f"v1,{base64.b64encode(digest).decode()}",
        }
        status = _post(Request(os.environ["WEBHOOK_URL"], body, headers))
        if status == 200:
            return
        if wait is None or (0 < status < 500 and status != 429):
            raise RuntimeError(
                f"webhook {identity} of {kind} was not accepted: {status or 'no answer'}"
            )
        time.sleep(wait)


def _post(request: Request) -> int:
    try:
        with urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except (URLError, TimeoutError):
        return 0
