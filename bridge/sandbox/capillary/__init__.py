"""
Capillary's customer upsert and its token call: their rules and their answers.

Every customer of a request is judged alone (`bridge.sandbox.capillary.item`), and an HTTP 200
holds the failures too.  What the pages leave open is read so:

* ``skipChangeIdentifier`` has to be sent: what its absence means is not documented.
* Of two requests for one customer at the same time, the later one is told 521 as an error of the
  customer.  Requests take no time, unless one is delayed by ``/_behave``.
* A key or secret that is not known gets no token, and HTTP status 401.
* A body that is not declared as JSON is a 415, as the page on status codes says.

Sources: https://docs.capillarytech.com/reference/customer-upsert-api,
https://docs.capillarytech.com/reference/oauth,
https://docs.capillarytech.com/reference/basic-authentication and
https://docs.capillarytech.com/reference/errors-and-warnings
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from bridge.sandbox.capillary.customers import Customers, Message, message
from bridge.sandbox.capillary.item import judge, things
from bridge.sandbox.check import Flaw
from bridge.sandbox.contracts.capillary import CLIENT, CUSTOMERS
from bridge.sandbox.endpoint import (
    Account,
    Accounts,
    Came,
    Endpoint,
    Headers,
    Shelf,
    Told,
    Vendor,
    basic,
    knows,
)
from bridge.sandbox.tokens import Tokens

Body = Mapping[str, Any]

PATH = "/v2/integrations/customer/upsert/bulk"
TOKEN_PATH = "/v3/oauth/token/generate"  # noqa: S105 - an address
#: Seconds that a token is good for, as in the published sample.
#: Source: https://docs.capillarytech.com/reference/oauth
TOKEN_SECONDS = 300
#: Source: https://docs.capillarytech.com/reference/oauth
ENTITY_TYPES = (
    "TILL", "STORE_CODE", "STORE_NAME", "STORE_EXTERNAL_ID", "STORE_EXTERNAL_ID_1",
    "STORE_EXTERNAL_ID_2",
)  # fmt: skip

_KEEP, _CHANGE = "skipChangeIdentifier=true", "skipChangeIdentifier=false"
_TILL, _CLIENT = ("till", "password"), ("key", "secret")
_MD5 = re.compile("[0-9a-f]{32}")
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="capillary", charset="UTF-8"'}


def _fail(status: int, flaws: Sequence[Flaw]) -> Body:
    if status < 400:  # told to succeed without storing anything, it has no customer to tell of
        return {"response": [], "totalCount": 0, "failureCount": 0}
    return {"errors": _messages(status, flaws), "warnings": []}


def _no_token(status: int, flaws: Sequence[Flaw]) -> Body:
    return {"data": None, "errors": None if status < 400 else _messages(status, flaws)}


def _messages(status: int, flaws: Sequence[Flaw]) -> list[Message]:
    return [message(status, str(flaw)) for flaw in flaws]


def _with(names: tuple[str, ...], accounts: Accounts) -> Accounts:
    """Give the accounts that hold *names*; one holds till and password, or key and secret."""
    return None if accounts is None else [one for one in accounts if set(names) == set(one)]


def _hashed(account: Account) -> Account:
    password = hashlib.md5(account["password"].encode(), usedforsecurity=False)
    return {**account, "password": password.hexdigest()}


def _proves(headers: Headers, tills: Accounts, tokens: Tokens) -> bool:
    """Look at the token if there is one, else at till and hashed password."""
    token = headers.get("x-cap-api-oauth-token")
    if token is not None:
        return tokens.good(token)
    sent = basic(headers, *_TILL)
    return sent is not None and bool(_MD5.fullmatch(sent["password"])) and knows(sent, tills)


def _refuse(came: Came) -> Told | None:
    flaws = []
    if came.query not in (_KEEP, _CHANGE):
        flaws.append(Flaw(f"wanted the query {_KEEP} or {_CHANGE}, and nothing else in it"))
    entity = came.headers.get("x-cap-api-attribution-entity-type")
    if entity is not None and entity not in ENTITY_TYPES:
        known = ", ".join(ENTITY_TYPES)
        flaws.append(Flaw(f"X-CAP-API-ATTRIBUTION-ENTITY-TYPE: wanted one of {known}"))
    return Told(400, _fail(400, flaws)) if flaws else None


def _accept(customers: Customers, shelf: Shelf, came: Came) -> Told:
    change = came.query == _CHANGE
    answers = [judge(customers, shelf, item, came, change=change) for item in came.document]
    failures = sum(1 for one in answers if one["errors"])
    counts = {"totalCount": len(answers), "failureCount": failures}
    return Told(200, {"response": answers, **counts})


def _give(clients: Accounts, tokens: Tokens, _: Shelf, came: Came) -> Told:
    if not knows(came.document, clients):
        flaws = [Flaw("no token: the key or the secret is unknown")]
        return Told(401, _no_token(401, flaws), _CHALLENGE)
    data = {"accessToken": tokens.give(TOKEN_SECONDS), "ttlSeconds": TOKEN_SECONDS}
    return Told(200, {"data": data, "errors": None})


def _endpoints(accounts: Accounts, tokens: Tokens) -> tuple[Endpoint, ...]:
    tills, clients = _with(_TILL, accounts), _with(_CLIENT, accounts)
    hashed = None if tills is None else [_hashed(one) for one in tills]
    customer = Endpoint(
        name="capillary.customer",
        method="POST",
        paths=(PATH,),
        schema=CUSTOMERS,
        proves=partial(_proves, tills=hashed, tokens=tokens),
        challenge=_CHALLENGE,
        refuse=_refuse,
        accept=partial(_accept, Customers()),
        fail=_fail,
        things=things,
        untyped=415,
    )
    token = Endpoint(
        name="capillary.token",
        method="POST",
        paths=(TOKEN_PATH,),
        schema=CLIENT,
        proves=lambda _: True,  # the body is the proof
        challenge=_CHALLENGE,
        accept=partial(_give, clients, tokens),
        fail=_no_token,
        untyped=415,
        secret=True,
    )
    return customer, token


VENDOR = Vendor("capillary", (_TILL, _CLIENT), _endpoints)
