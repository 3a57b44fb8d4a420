"""
What the suites over all platforms must know of each: ``tests/fixtures/<platform>/platform.toml``.

    may_change      places of a webhook (``line_items.*.price``) or of what was fetched
                    (``resource.order.total``) where a change means another amount, and why
                    nobody could know better
    [[corpus]]      how real payloads beside the repository become webhooks of the platform
      folder        in ../shared/corpus; the platform's name unless written
      files         pattern of names
      topics        every topic that carries such a document
      headers       of the webhook; ``{topic}`` stands for the topic
      query         in the same way
      unwrap        a wrapper of one name belongs to the REST answer and is taken off
      inside        where in it the document is: names and numbers, one below the other
      resource      the name of the fetch that answered the document; without it, it is the body
      listed        the fetch answered a list, and the document is one of it
      body          the webhook, where the document is a resource; ``{topic}`` stands for the topic
      envelope      the webhook around a document that is only its inner part, which stands for
                    ``{document}``
      resources     what the other fetches answered
      store         overrides of the store, as in a fixture's store.toml
      unmappable    file = why it is no webhook of the platform
      totals        file = OrderTotal, worked by hand from the amounts in the document, for the
                    first topic
    [[vector]]      a webhook that was signed by the platform's documented scheme and not by us:
                    by ``openssl dgst``, or what the platform publishes
      secret        of the store
      at            when it was checked, in seconds since 1970, where its age counts
      body          as it was signed
      headers       with the signature
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from bridge import exact
from bridge.fixtures import ARRIVED, Case
from bridge.types import InboundRequest
from tests.real import CORPUS

FIXTURES = Path(__file__).parent / "fixtures"
#: Every platform that has fixtures.
PLATFORMS = tuple(sorted(path.name for path in FIXTURES.iterdir() if path.is_dir()))


#: Settings under which an endpoint is sent all that it can be.
EVERYTHING: Mapping[str, Any] = {
    "capillary.customer": {
        "settings": {
            "source": "ECOMMERCE",
            "account_id": "main",
            "from_orders": True,
            "subscriptions": True,
            "identifiers": ["externalId", "email", "mobile"],
        }
    }
}


@cache
def facts(platform: str) -> Mapping[str, Any]:
    """Read the facts of a platform; none where it has no file."""
    path = FIXTURES / platform / "platform.toml"
    return tomllib.loads(path.read_text()) if path.exists() else {}


@dataclass(frozen=True, slots=True)
class Real:
    """A real payload as a webhook of its platform."""

    path: Path
    topic: str
    case: Case
    unmappable: str  #: why it is no webhook of the platform; "" where it is one
    total: str | None  #: worked by hand

    def __str__(self) -> str:
        return f"{self.case.platform}-{self.path.stem}-{self.topic}"


def corpus() -> Iterator[Real]:
    """Every real payload under every topic that carries it."""
    for platform in PLATFORMS:
        for rule in facts(platform).get("corpus", ()):
            for path in sorted((CORPUS / rule.get("folder", platform)).glob(rule["files"])):
                for topic in rule["topics"]:
                    yield _real(platform, rule, path, topic)


def _real(platform: str, rule: Mapping[str, Any], path: Path, topic: str) -> Real:
    document = json.loads(path.read_text(), parse_float=Decimal)
    if rule.get("unwrap") and isinstance(document, dict) and len(document) == 1:
        document = next(iter(document.values()))
    for step in rule.get("inside", ()):
        document = document[step]
    resources: dict[str, Any] = dict(rule.get("resources", {}))
    if "resource" in rule:
        resources[rule["resource"]] = [document] if rule.get("listed") else document
        body = rule["body"].replace("{topic}", topic).encode()
    else:
        inner = exact.write(document).decode()
        envelope = rule.get("envelope", "{document}").replace("{topic}", topic)
        body = envelope.replace("{document}", inner).encode()
    request = InboundRequest(
        "real", "POST", {"content-type": "application/json", **_filled(rule, "headers", topic)},
        _filled(rule, "query", topic), body, ARRIVED,
    )  # fmt: skip
    store = {**rule.get("store", {}), "endpoints": EVERYTHING}
    case = Case(path.parent, platform, path.stem, request, resources, store)
    total = rule.get("totals", {}).get(path.name) if topic == rule["topics"][0] else None
    return Real(path, topic, case, rule.get("unmappable", {}).get(path.name, ""), total)


def _filled(rule: Mapping[str, Any], name: str, topic: str) -> dict[str, str]:
    return {one: text.replace("{topic}", topic) for one, text in rule.get(name, {}).items()}
