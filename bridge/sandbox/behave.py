"""Faults on demand: which endpoint is to fail, how, and how often."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from starlette.types import Receive, Scope, Send

EVERY = "*"
#: Status codes whose answers have no body.
BODILESS = (204, 304)

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x21-\x7e\xa0-\xff]([\x20-\x7e\xa0-\xff]*[\x21-\x7e\xa0-\xff])?")
#: Headers that say where an answer ends, which is the server's to know.
_FRAMING = {"content-length", "transfer-encoding"}


class Rule(BaseModel):
    """How an endpoint shall behave.  A rule that asks for nothing is the normal behaviour."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    endpoint: str
    delay_s: float = Field(0.0, ge=0, le=3600, allow_inf_nan=False)
    status: int | None = Field(None, ge=200, le=599)
    hang: bool = False
    reset: bool = False
    after: bool = False
    times: int | None = Field(None, ge=1)
    headers: dict[str, str] | None = None
    body: str | None = None

    @field_validator("endpoint")
    @classmethod
    def _known(cls, name: str, info: ValidationInfo) -> str:
        known: Collection[str] = (info.context or {})["endpoints"]
        if name not in known and name != EVERY:
            raise ValueError(f"no such endpoint, wanted one of {', '.join((*known, EVERY))}")
        return name

    @field_validator("headers")
    @classmethod
    def _sendable(cls, headers: Mapping[str, str] | None) -> Mapping[str, str] | None:
        wrong = [
            name
            for name, value in (headers or {}).items()
            if not _HEADER_NAME.fullmatch(name)
            or (value and not _HEADER_VALUE.fullmatch(value))
            or name.lower() in _FRAMING
        ]
        if wrong:
            raise ValueError(f"cannot be sent: {', '.join(map(repr, wrong))}")
        return headers

    @property
    def normal(self) -> bool:
        """Whether nothing is asked for."""
        return not (self.delay_s or self.faulty)

    @property
    def faulty(self) -> bool:
        """Whether the answer is something else than the endpoint's own."""
        return self.status is not None or self.hang or self.reset


def read_rule(raw: bytes, endpoints: Collection[str]) -> Rule | list[str]:
    """Read the body of ``POST /_behave``; instead of a rule return all that is wrong with it."""
    try:
        rule = Rule.model_validate_json(raw, context={"endpoints": endpoints})
    except ValidationError as error:
        return [
            f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}"
            for one in error.errors(include_url=False, include_context=False, include_input=False)
        ]
    return _conflicts(rule) or rule


def _conflicts(rule: Rule) -> list[str]:
    asked = [
        name
        for name, found in (
            ("status", rule.status is not None),
            ("hang", rule.hang),
            ("reset", rule.reset),
        )
        if found
    ]
    wrong = [f"{name}: wanted only one of {', '.join(asked)}" for name in asked if len(asked) > 1]
    if rule.after and not asked:
        wrong.append("after: wanted status, hang or reset beside it")
    if rule.headers is not None and rule.status is None:
        wrong.append("headers: wanted status beside it")
    if rule.body is not None and rule.status is None:
        wrong.append("body: wanted status beside it")
    if rule.body is not None and rule.status in BODILESS:
        wrong.append(f"body: an answer of {rule.status} has none")
    if rule.times is not None and rule.normal:
        wrong.append("times: wanted status, hang, reset or delay_s beside it")
    return wrong


@dataclass(slots=True)
class _Standing:
    rule: Rule
    left: int | None  #: requests; None: until it is changed


class Behaviour:
    """The rules that stand: the latest for each endpoint, one for all of them after ``*``."""

    def __init__(self, endpoints: Collection[str]) -> None:
        self._endpoints = endpoints
        self._standing: dict[str, _Standing] = {}

    def follow(self, rule: Rule) -> None:
        """Let *rule* take the place of what stood for its endpoint, or for every one."""
        standing = _Standing(rule, rule.times)
        for name in self._endpoints if rule.endpoint == EVERY else [rule.endpoint]:
            self._standing.pop(name, None)
            if not rule.normal:
                self._standing[name] = standing

    def forget(self) -> None:
        """Go back to normal everywhere."""
        self._standing.clear()

    def take(self, endpoint: str) -> Rule | None:
        """
        Give the rule for one request and count it; None when all is normal.

        Nothing is awaited here, so that of two requests at once only one gets the last.
        """
        standing = self._standing.get(endpoint)
        if standing is None:
            return None
        if standing.left is not None:
            standing.left -= 1
            if standing.left == 0:
                self._standing = {
                    name: one for name, one in self._standing.items() if one is not standing
                }
        return standing.rule

    def standing(self) -> list[dict[str, Any]]:
        """What stands, for people; `left` counts down where `times` was given."""
        return [
            {"endpoint": name, "left": one.left}
            | one.rule.model_dump(exclude_defaults=True, exclude={"endpoint", "times"})
            for name, one in self._standing.items()
        ]


async def hang(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
    """Answer nothing until the client leaves.  An ASGI application, as a response is."""
    await _left(receive)


async def reset(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
    """
    Cut the connection without an answer.  An ASGI application, as a response is.

    ASGI has no word for it.  Under uvicorn, with either of its parsers and either event loop,
    `receive` is a method of an object that holds the transport.  Lingering for zero seconds
    makes its end a TCP reset, where closing alone would be an orderly end.  Behind any other
    server an answer is begun and broken off, on which servers close the connection.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is not None:
        if not transport.is_closing():
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        await _left(receive)
        return
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]}
    )
    raise ConnectionAbortedError("the sandbox was told to reset this connection")


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
