"""Read the `[[privacy]]` tables of a source file: requests to forget somebody, or to tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast, get_args

from pydantic import BaseModel

from bridge.fields import Document, Email, Text
from bridge.kinds import LIST
from bridge.mapping.compile import nearest
from bridge.mapping.layout import compile_table, conditions
from bridge.mapping.lines import Table
from bridge.mapping.reading import Reading
from bridge.mapping.source import Does, Privacy, Verification
from bridge.mapping.tables import known_keys, section, several, tables, text, texts
from bridge.mapping.template import Branch

KEYS = ("topics", "does", "when", "customer", "orders")
DOES: tuple[str, ...] = get_args(Does)


class Person(BaseModel):
    """What a customer is known by; the fields are those of the store event's customer."""

    id: Text = None
    email: Email = None
    document: Document = None


def read_privacy(file: Reading, verify: Mapping[str, Verification]) -> Iterator[Privacy]:
    """Check and compile the requests; those with mistakes are left out."""
    taken = set(file.section("topics").entries)
    for table in tables(file.table, "privacy", file.problems):
        if any(not one.engine.covers_body for one in verify.values()):
            told = "the signature does not cover the body: anyone could have somebody erased"
            file.problems.append(table.place.problem(told, field="privacy"))
        before = len(file.problems)
        request = _request(file, table, taken)
        taken.update(request.topics)
        if len(file.problems) == before:
            yield request


def _request(file: Reading, table: Table, taken: set[str]) -> Privacy:
    problems = file.problems
    known_keys(table, KEYS, "[[privacy]]", problems)
    topics = texts(table, "topics", problems)
    if not several(table.entries.get("topics")):
        file.wrong(table, "topics", "wanted the topics of such a request")
    for topic in topics:
        if topic in taken:
            file.wrong(table, "topics", f"topic '{topic}' leads to something else already")
    does = text(table, "does", problems, required=True) or ""
    if does and does not in DOES:
        close = nearest(does, DOES) or f"; there are {', '.join(DOES)}"
        file.wrong(table, "does", f"nothing is done by '{does}'{close}")
    when = conditions(table.entries.get("when"), file.compiler(file.spaces), "privacy.when")
    if not several(table.entries.get("when")):
        told = "a topic is seldom signed: wanted at least one condition on the body"
        file.wrong(table, "when", told)
    customer = _customer(file, table, does)
    orders = file.expression(table, "orders", file.spaces, LIST)
    return Privacy(topics, cast("Does", does), when, customer, orders)


def _customer(file: Reading, table: Table, does: str) -> Branch | None:
    if does == "erase_store":
        for name in ("customer", "orders"):
            if name in table.entries:
                file.wrong(table, name, "all of the store is erased, whosever it is")
        return None
    inner = section(table, "customer", file.problems)
    if does in DOES and not inner.entries:
        known = ", ".join(Person.model_fields)
        file.wrong(table, "customer", f"wanted what the customer is known by, of {known}")
    return compile_table(inner, Person, file.compiler(file.spaces), "customer")
