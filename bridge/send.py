"""Sign a body and post it to the bridge, as the platform would."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from bridge.errors import ConfigError, SettingsError
from bridge.load import Loaded, load, proofs, strict
from bridge.mapping.compile import Compiled, nearest
from bridge.mapping.expression import Named, Path
from bridge.mapping.source import Source
from bridge.settings import Settings, read_variables
from bridge.verify import sign


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as the platform would send it."""

    url: str = field(repr=False)  #: a secret may stand in it
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def topic_headers(source: Source, topic: str) -> dict[str, str]:
    """Give the header in which the platform names the topic, where it is a header."""
    name = _header(source.topic)
    return {name: topic} if name else {}


def prepare(
    settings: Settings,
    name: str,
    topic: str,
    body: bytes,
    headers: Mapping[str, str],
    url: str | None,
) -> Signed:
    """
    Make the signed request of a store.

    Its id is made of topic and body, so that the same body sent again is the platform's repeat;
    a header given by the caller wins.

    Raises:
        ConfigError: There is no such store, its secret is missing, or its platform signs with a
            key that only the platform has.
    """
    loaded = strict(load(settings.mappings))
    stores = loaded.checked.stores
    store = stores.get(name)
    if store is None:
        close = nearest(name, list(stores)) or f"; there are {', '.join(stores) or 'none'}"
        raise ConfigError(f"--store: no store named '{name}'{close}")
    source = loaded.checked.sources[store.source]
    variables = read_variables(store.secrets)
    tokens = tuple(settings.token_secrets.get_secret_value().split())
    sent = {
        "content-type": "application/json",
        "user-agent": "bridge-send",
        **topic_headers(source, topic),
        **_tenant(source, store.tenant),
        **_key(source, topic, body),
        **{header.lower(): value for header, value in headers.items()},
    }
    base = (url or f"http://{settings.host}:{settings.port}").rstrip("/")
    address = f"{base}/webhooks/{store.name}"
    try:
        signed = sign(
            body,
            source.verify[store.verify].engine.scheme,
            proofs(store, variables, tokens),
            headers=sent,
            now=datetime.now(UTC),
            url=store.url or address,
            store=store.name,
        )
    except ValueError as error:
        raise ConfigError(f"store '{name}': {error}") from None
    query = f"?{httpx.QueryParams(dict(signed.query))}" if signed.query else ""
    segment = f"/{signed.segment}" if signed.segment else ""
    content = body if signed.body is None else signed.body
    return Signed(f"{address}{segment}{query}", {**sent, **signed.headers}, content)


def post(request: Signed, *, timeout: float) -> tuple[int, str]:
    """
    Post a signed request.

    Returns:
        The status and the text of the answer.

    Raises:
        ConfigError: Nobody answers there.
    """
    try:
        response = httpx.post(
            request.url, headers=dict(request.headers), content=request.body, timeout=timeout
        )
    except httpx.HTTPError as error:
        host = httpx.URL(request.url).netloc.decode()
        raise ConfigError(f"no answer from {host}: {type(error).__name__}") from None
    return response.status_code, response.text


def known_credentials(settings: Settings) -> Mapping[str, Collection[Mapping[str, str]]]:
    """
    Give the credentials that connections.toml names, as far as they are set.

    Returns:
        By destination, what each of its accounts holds, as name -> value.
    """
    loaded: Loaded = load(settings.mappings)
    known: dict[str, list[Mapping[str, str]]] = {}
    for store in loaded.checked.stores.values():
        for connection in store.endpoints:
            try:
                values = read_variables(connection.credentials.values())
            except SettingsError:
                continue
            account = {name: values[variable] for name, variable in connection.credentials.items()}
            accounts = known.setdefault(connection.endpoint.partition(".")[0], [])
            if account not in accounts:
                accounts.append(account)
    return known


def _tenant(source: Source, tenant: str | None) -> dict[str, str]:
    name = _header(source.tenant) if source.tenant else None
    return {name: tenant} if name and tenant else {}


def _key(source: Source, topic: str, body: bytes) -> dict[str, str]:
    identity = hashlib.sha256(topic.encode() + b"\n" + body).hexdigest()[:32]
    names: Iterable[str | None] = (_header(one) for one in source.key)
    topic_name = _header(source.topic)
    return {name: identity for name in names if name and name != topic_name}


def _header(compiled: Compiled) -> str | None:
    """The header that an expression reads first, when it is one."""
    operand = compiled.tree.chains[0].operand
    if not isinstance(operand, Path) or operand.root != "header":
        return None
    step = operand.steps[0]
    return step.name if isinstance(step, Named) else None
