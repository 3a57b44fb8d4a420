"""
Say what a destination's answer means: delivered, with a remark or without, refused, or to be
tried again.

The statuses of HTTP mean the same at every vendor and are judged here, once; what stands inside
a 2xx, and what an error body says, is the vendor's and comes as `Rules`.  A 2xx that is not the
documented JSON may come from whatever stands between us and the vendor, after it has accepted.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from pydantic import BaseModel, ValidationError

from bridge.causes import http
from bridge.retry_after import retry_after
from bridge.types import Cause, Reply, Verdict

#: Statuses that come before the request is acted upon; any other 5xx may come after it.
#: Source: https://www.rfc-editor.org/rfc/rfc9110#section-15.5, https://www.rfc-editor.org/rfc/rfc6585#section-4
NOT_ACTED_UPON = frozenset({408, 425, 429, 461, 503})
#: Seconds that a destination rests which answers 429 and does not say for how long.  An
#: assumption: none of the vendors documents Retry-After, or a figure.
TOO_MANY_REST = 5.0

_SYMBOL = re.compile(r"[A-Za-z_.]{1,80}[0-9]{0,3}")
_NUMBER = re.compile("[0-9]{1,5}")
_MOST_NAMES = 5

Body = Mapping[str, Any]

_reader = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Rules:
    """How one endpoint answers."""

    #: What a 2xx with a JSON object comes to; the verdict's reason is a remark when delivered.
    success: Callable[[Reply, Body], Verdict]
    #: What an error body says, without what may be a customer's; "" when it says nothing.
    tell: Callable[[Body], str]
    hints: Mapping[int, str] = field(default_factory=dict)  #: status -> what to look into
    not_acted_upon: frozenset[int] = frozenset()  #: the vendor's own, beside `NOT_ACTED_UPON`
    #: status -> attempts after which waiting is given up and it counts as refused
    few_attempts: Mapping[int, int] = field(default_factory=dict)
    #: The vendor's own words for what an error body says, as `vendor_code` writes them, each with
    #: the field it is about.
    causes: Callable[[Body], Iterable[Cause]] = lambda _: ()
    asks_only: bool = False  #: nothing is stored by the call: a lost answer leaves no doubt


def judge(reply: Reply, rules: Rules) -> Verdict:
    """
    Say what *reply* means.

    Returns:
        A verdict; nothing is raised, whatever the bytes are.
    """
    body = read_object(reply.body)
    if not 200 <= reply.status < 300:
        return _judge_status(reply, body, rules)
    if body is None:
        return _doubtful(f"HTTP {reply.status} without a JSON object", rules)
    return rules.success(reply, body)


def unsure(reason: str, retry_after: float | None = None) -> Verdict:
    """Make the verdict on an answer after which the payload may have been accepted."""
    return Verdict("unsure", f"{reason}; it may have been accepted", retry_after)


def vendor_code(vendor: str, code: str | int) -> str:
    """Write a vendor's own code as the journal does: ``bonifiq_13``; "" for what is none."""
    text = str(code)
    plain = _NUMBER.fullmatch(text) if isinstance(code, int) else symbol(text) == text
    return f"{vendor}_{text.lower()}" if plain else ""


def told_by(reply: Reply, causes: Iterable[Cause]) -> tuple[Cause, ...]:
    """Give the vendor's own words, or the HTTP status where it has none."""
    return tuple(dict.fromkeys(causes)) or (Cause("send", http(reply.status)),)


def _judge_status(reply: Reply, body: Body | None, rules: Rules) -> Verdict:
    status = reply.status
    causes = told_by(reply, rules.causes(body) if body else ())
    said = ": ".join(filter(None, (f"HTTP {status}", rules.tell(body) if body else "")))
    hinted = "; ".join(filter(None, (said, rules.hints.get(status, ""))))
    if status in NOT_ACTED_UPON or status in rules.not_acted_upon:
        wait = retry_after(reply.headers)
        if wait is None and status == 429:
            wait = TOO_MANY_REST
        few = rules.few_attempts.get(status)
        return Verdict("transient", hinted, wait, few, causes=causes)
    if 300 <= status < 400:
        reason = f"HTTP {status}: redirect not followed; check base_url of the account"
        return Verdict("refused", reason, causes=(Cause("send", "redirected"),))
    if 400 <= status < 500:
        return Verdict("refused", hinted, causes=causes)
    # A server or gateway that fails or gives up may do so after the payload was stored.
    return _doubtful(hinted, rules, retry_after(reply.headers))


def _doubtful(reason: str, rules: Rules, wait: float | None = None) -> Verdict:
    return Verdict("transient", reason, wait) if rules.asks_only else unsure(reason, wait)


def last_word(verdict: Verdict, attempts: int) -> Verdict:
    """Give up what may only be tried a few times: after so many *attempts* it is refused."""
    if verdict.kind != "transient" or verdict.few is None or attempts < verdict.few:
        return verdict
    return replace(
        verdict, kind="refused", reason=f"{verdict.reason}; given up after {attempts} attempts"
    )


def read_object(body: bytes) -> dict[str, Any] | None:
    """Read a JSON object; None when it is anything else."""
    try:
        value = _reader.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        value = _read_leniently(body)
    return value if isinstance(value, dict) else None


def _read_leniently(body: bytes) -> Any:
    """Read what `json` of the standard library takes as well; None when that is nothing."""
    try:
        return json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


def integer(value: object) -> int | None:
    """Give *value* if it is a whole number; true and false are none."""
    return value if type(value) is int else None


def symbol(text: str) -> str:
    """Show a name or code that a vendor gives; what does not look like one is not shown."""
    return text if _SYMBOL.fullmatch(text) or re.fullmatch("[0-9]{1,3}", text) else "…"


def listed(names: Iterable[str]) -> str:
    """List names that a vendor gives, each once, and count those beyond the first few."""
    once = [*dict.fromkeys(names)]
    more = len(once) - _MOST_NAMES
    return ", ".join(once[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def undocumented(body: bytes, answer: type[BaseModel]) -> Iterator[str]:
    """Say where a good answer differs from the documented one: names of fields, no values."""
    try:
        answer.model_validate_json(body.removeprefix(codecs.BOM_UTF8))
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        for about, wanted in (
            ("answer has fields that are not documented", True),
            ("fields of the answer are not as documented", False),
        ):
            places = [
                ".".join(symbol(part) for part in problem["loc"] if isinstance(part, str))
                or "all of it"
                for problem in problems
                if (problem["type"] == "extra_forbidden") is wanted
            ]
            if places:
                yield f"{about}: {listed(places)}"
