"""
Every fixture becomes what a person once worked out by hand, and once approved.

`expected.toml` was written before any code ran.  It names the endpoints that were worked out; the
goldens hold everything else, so that a new endpoint costs goldens alone.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import EventError
from bridge.fixtures import Case, cases, different, goldens, plan_of, route
from bridge.handshake import shake_hands
from bridge.load import Loaded
from bridge.mapping.body import parsed, read_body
from bridge.mapping.run import read_head, scope_of
from bridge.mapping.template import failing
from bridge.plan import Plan, wanted_fetches

FIXTURES = Path(__file__).parent / "fixtures"
#: Each case names these endpoints; of the others the goldens hold what it does not name.
WORKED_BY_HAND = "bonifiq."
CASES = [pytest.param(case, id=str(case)) for case in cases(FIXTURES)]


def expected(case: Case) -> dict[str, Any]:
    return tomllib.loads((case.folder / "expected.toml").read_text())


def look_up(document: Mapping[str, Any], dotted: str) -> Any:
    if dotted == "Products":
        return [product["ProductPrice"] for product in document.get("Products", [])]
    value: Any = document
    for name in dotted.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def same(wanted: Any, found: Any) -> bool:
    """Amounts are equal as decimals, moments as moments."""
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(wanted) == len(found)
            and all(same(*pair) for pair in zip(wanted, found, strict=True))
        )
    if isinstance(found, Decimal):
        return Decimal(str(wanted)) == found
    if (
        isinstance(wanted, str)
        and isinstance(found, str)
        and wanted.endswith("Z")
        and "T" in wanted
    ):
        return datetime.fromisoformat(wanted) == datetime.fromisoformat(found)
    return bool(wanted == found)


def status(planned: Plan) -> str:
    if planned.dead:
        return "unmappable" if planned.problems else "person"
    if planned.erase:
        return "erased"
    if any(one.state == "refused" for one in planned.deliveries):
        return "refused"
    return "mapped" if planned.event else "ignored"


@pytest.mark.parametrize("case", CASES)
def test_a_fixture_is_what_was_worked_out_by_hand(case: Case, loaded: Loaded) -> None:
    wanted = expected(case)
    if wanted["status"] == "handshake":
        where = route(case.platform, loaded, case.overrides)
        told = shake_hands(case.request, where)
        assert told is not None
        assert told.status_code == 200
        return

    planned = plan_of(case, loaded)

    assert wanted["status"] == status(planned), planned.problem or planned.problems
    assert wanted.get("reason_contains", "") in (planned.problem or "")
    if wanted["status"] not in ("mapped", "refused"):
        return
    assert planned.event is not None
    assert wanted["event_type"] == planned.event.event.type
    remarks = [f"{one.field}: {one.message}" for one in planned.event.remarks]
    assert wanted.get("remarks", []) == remarks
    refused = {one.endpoint: one.reason for one in planned.deliveries if one.state == "refused"}
    assert set(wanted.get("refused", {})) == set(refused)
    for endpoint, field in wanted.get("refused", {}).items():
        assert f" {field}: " in refused[endpoint]
    skipped = {one.endpoint for one in planned.deliveries if one.state == "ignored"}
    assert set(wanted.get("skipped", [])) <= skipped
    by_hand = {name for name in loaded.checked.destinations if name.startswith(WORKED_BY_HAND)}
    assert by_hand <= {*wanted, *wanted.get("skipped", []), *refused}
    for endpoint in (name for name in wanted if "." in name):
        document = planned.payloads[endpoint].document
        for dotted, value in wanted[endpoint].items():
            found = look_up(document, dotted)
            assert same(value, found), f"{endpoint} {dotted}: {found!r}, by hand {value!r}"


@pytest.mark.parametrize("case", CASES)
def test_a_fixture_is_what_a_person_approved(case: Case, loaded: Loaded, accept: bool) -> None:
    made = goldens(plan_of(case, loaded))
    if accept:
        for path in case.folder.glob("*.json"):
            if path.name != "resource.json":
                path.unlink()
        for name, text in made.items():
            (case.folder / name).write_text(text, encoding="utf-8")

    assert different(case, made) == []


@pytest.mark.parametrize("case", CASES)
def test_a_fixture_has_what_would_be_fetched_and_no_more(case: Case, loaded: Loaded) -> None:
    where = route(case.platform, loaded, case.overrides)
    source = where.source
    resources: dict[str, Any] = {}
    unset = {name: "x" for name, one in source.settings.items() if one.default is None}
    settings = {**unset, **where.store.settings}
    try:
        body = parsed(source, read_body(case.request, token=where.engine.body_is_token))
        scope = scope_of(source, case.request, body, settings, {}, where.tokens)
        fetches = wanted_fetches(source, read_head(source, scope), scope)
    except EventError:
        fetches = ()
    for fetch in fetches:
        seen = {**scope, "resource": resources}
        if failing(fetch.when, seen, fetch.name, []) or fetch.url.fill(seen) is None:
            continue
        if fetch.name in case.resources:
            resources[fetch.name] = case.resources[fetch.name]
        else:  # it found nothing, is kept, or the store may be without the token for it
            asked = any(path.root == "secret" for one in fetch.when for path in one.paths)
            assert fetch.optional or fetch.keep or asked, fetch.name

    assert set(case.resources) == set(resources)
