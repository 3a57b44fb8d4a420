"""
Whatever a shop may have, the shipped mapping files make nothing of it that a contract refuses.

Events go the whole way of a payload: destination file, model, bytes; what the destination would
read is held against the contract beside the repository.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import Phase, event, find, given, settings
from hypothesis import strategies as st

from bridge.destinations import ENDPOINTS
from bridge.errors import PayloadInvalid
from bridge.event import Event
from bridge.types import Skipped
from tests.destinations.contracts import CONTRACTS, request_body
from tests.destinations.events import events, sent, settings_of, shipped
from tests.destinations.shop import account, said
from tests.real import needs


def meant_for(endpoint: str) -> st.SearchStrategy[Event]:
    """Events of the types that the endpoint's mapping file names."""
    rules = shipped().checked.destinations[endpoint].payloads
    return events(sorted({kind for rule in rules for kind in rule.on}))


def is_sent(made: Any) -> bool:
    return not isinstance(made, Skipped | PayloadInvalid)


@needs(CONTRACTS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@given(data=st.data())
@settings(deadline=None, max_examples=200)
def test_no_event_becomes_a_payload_that_the_contract_refuses(
    endpoint: str, data: st.DataObject
) -> None:
    chosen = {**said(endpoint, "settings"), **data.draw(settings_of(endpoint))}
    target = ENDPOINTS[endpoint]
    caller = account(target, "http://mock", target.credentials[0])

    made = sent(endpoint, data.draw(meant_for(endpoint)), chosen)

    event(type(made).__name__)
    if is_sent(made):
        body = json.loads(target.write(made, caller).content)
        assert [error.message for error in request_body(endpoint).iter_errors(body)] == []


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_some_of_these_events_are_sent(endpoint: str) -> None:
    """Without them the test above would hold of nothing."""
    unshrunk = settings(phases=[Phase.generate], database=None, deadline=None)
    chosen = said(endpoint, "settings")

    find(meant_for(endpoint), lambda one: is_sent(sent(endpoint, one, chosen)), settings=unshrunk)
