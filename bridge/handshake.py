"""Answer requests that are no webhooks: pings, challenges, registrations."""

from __future__ import annotations

from bridge import exact
from bridge.errors import RequestError, SignatureMismatch, TenantMismatch
from bridge.kinds import Refused
from bridge.mapping.body import read_body
from bridge.mapping.run import scope_of
from bridge.mapping.source import Handshake, Signed
from bridge.mapping.template import failing
from bridge.mapping.write import Scope
from bridge.plan import Route, is_tenant
from bridge.types import Answer, InboundRequest
from bridge.verify import Proofs, verify


def shake_hands(request: InboundRequest, route: Route) -> Answer | None:
    """
    Answer a request that is no webhook; nothing else happens, and nothing of it is kept.

    Whoever signs nothing is only told what he sent.  Whoever proves that he holds a secret of the
    store may be told what the file says, such as the secret that he is to sign with from now on.

    Returns:
        The answer, or None when it is no handshake of the platform.

    Raises:
        RequestError: It is one, and its sender is not who he should be.
    """
    if not route.source.handshakes:
        return None
    try:
        body = read_body(request, token=route.engine.body_is_token)
    except Exception:  # noqa: BLE001 - what cannot be read is no handshake
        body = None
    scope = scope_of(route.source, request, body, route.store.settings)
    for one in route.source.handshakes:
        if one.method != request.method or failing(one.when, scope, "handshake", []):
            continue
        told = _told(one, request, route, scope)
        if told is not None:
            return told
    return None


def _told(
    handshake: Handshake, request: InboundRequest, route: Route, scope: Scope
) -> Answer | None:
    if handshake.signed:
        for one in handshake.signed:
            _prove(one, request, route)
        if not is_tenant(route, handshake.tenant, scope):
            raise TenantMismatch("the handshake speaks of another shop")
        scope = {
            **scope,
            "secret": route.tokens,
            "own_secret": next(iter(route.proofs.secrets), None),
            "url": route.proofs.url,
        }
    try:
        if handshake.json is None:
            return Answer(200, "handshake", body=handshake.answer.fill(scope) or "")
        document = exact.write(handshake.json(scope)).decode()
    except Refused:
        return None
    return Answer(200, "handshake", body=document, media_type="application/json")


def _prove(signed: Signed, request: InboundRequest, route: Route) -> None:
    """
    Check one signature of a handshake, over any of the contents that it may be made over.

    Raises:
        RequestError: It is missing or made with another secret.
    """
    proofs = route.proofs
    if signed.secret is not None:
        key = signed.secret.run({"secret": route.tokens})
        if not isinstance(key, str):
            told = f"connections.toml gives no token for {signed.secret.text}"
            raise SignatureMismatch(f"a handshake cannot be checked: {told}")
        proofs = Proofs(secrets=(key,), url=proofs.url)
    if signed.optional and not any(request.headers.get(one) for one in signed.schemes[0].headers):
        return
    failed: RequestError | None = None
    for scheme in signed.schemes:
        try:
            verify(request, scheme, proofs, now=request.received_at)
        except RequestError as error:
            failed = failed or error
        else:
            return
    if failed is not None:
        raise failed
