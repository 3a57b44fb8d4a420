"""The journal keeps of a webhook what a mapping file reads, and nothing that proves its sender."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from bridge.engines import ENGINES
from bridge.load import Loaded
from bridge.mapping.library import BUILT_IN
from bridge.mapping.lines import read
from bridge.mapping.source_file import read_source
from bridge.record import horizon, keep_headers
from bridge.types import InboundRequest, Problem
from tests.house import store_route

FILE = """
platform = "acme"
[verify.url_token]
[webhook]
topic  = "query.topic"
tenant = "header.x-shop"
[answer]
within  = 5
retries = false
[topics]
paid = []
"""


def test_of_headers_and_query_only_what_the_file_reads_is_kept() -> None:
    problems: list[Problem] = []
    source = read_source(read(FILE, "acme.toml"), BUILT_IN, ENGINES, problems)
    assert source is not None, problems
    headers = {"x-shop": "one", "x-signature": "s3cret", "content-type": "text/plain"}
    query = {"topic": "paid", "token": "s3cret"}
    request = InboundRequest("shop", "POST", headers, query, b"{}", datetime.now(UTC))

    assert json.loads(keep_headers(source, request)) == {
        "headers": {"x-shop": "one", "content-type": "text/plain"},
        "query": {"topic": "paid"},
    }


def test_what_is_left_to_its_store_fails_when_the_store_has_stopped_repeating(
    loaded: Loaded,
) -> None:
    """However long the bridge itself would try: nobody would ever finish it."""
    ours, theirs = store_route(loaded), store_route(loaded, park=False)

    assert horizon(ours) == ours.store.horizon
    assert horizon(theirs) == theirs.source.answer.retry_window + 3600.0
