"""The composition root: settings, mapping files, journal, client and rooms become a server."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as HttpRoute
from starlette.routing import Router

from bridge.client import new_client
from bridge.deliver import Rooms
from bridge.destinations.endpoint import Limits
from bridge.errors import FetchFailed, JournalUnavailable, SettingsError
from bridge.flights import Flights
from bridge.forward import attempt
from bridge.hydrate import Api, Kept, Pace, fetch_all
from bridge.journal import open_journal
from bridge.journal.protocol import FETCH, Journal
from bridge.jwks import Keys, KeySource
from bridge.lag import Lag
from bridge.limits import Gates
from bridge.load import forgotten_too_early, load, routes, strict, unusable
from bridge.logins import Logins
from bridge.logs import set_up
from bridge.park import park
from bridge.pipeline import process
from bridge.plan import Plan, Route
from bridge.receive import Endpoint
from bridge.server import noticed
from bridge.settings import Settings, read_settings, read_variables
from bridge.types import Answer, InboundRequest, Payload, Verdict, VerifiedRequest
from bridge.verify import Key, KeyUnknown, key_addresses, verify

log = structlog.get_logger()

_clock = time.monotonic

#: Objects more, after which the garbage collector looks for cycles among them.  Python's own figure,
#: 700, is less than one webhook has: it would look through each, and there is next to nothing to find.
_MANY_OBJECTS = 10_000


@dataclass(frozen=True, slots=True)
class Configured:
    """What is read once, at start."""

    settings: Settings
    routes: Mapping[str, Route]


def configure(settings: Settings) -> Configured:
    """
    Read mapping files and secrets.

    Raises:
        ConfigError: With everything that is wrong.
    """
    loaded = strict(load(settings.mappings))
    stores = loaded.checked.stores
    names = (name for store in stores.values() for name in store.variables)
    variables = read_variables(names)
    if wrong := [*unusable(loaded, variables), *forgotten_too_early(loaded, settings.keep())]:
        raise SettingsError(wrong)
    tokens = tuple(settings.token_secrets.get_secret_value().split())
    sources = loaded.checked.sources
    for name, store in stores.items():
        if sources[store.source].verify[store.verify].engine.needs_token and not tokens:
            raise SettingsError(
                [f"BRIDGE_TOKEN_SECRETS: not set, and the platform of '{name}' signs nothing"]
            )
    return Configured(settings, routes(loaded, variables, tokens))


def create_app() -> Router:
    """Make the server as the environment configures it; what uvicorn calls in every process."""
    settings = read_settings()
    set_up(settings.log_level, settings.log_format)
    app = build(configure(settings))
    # All that is there now stays.  To look through it again takes long, and every webhook would wait.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_MANY_OBJECTS)
    return app


def build(configured: Configured) -> Router:
    """
    Make the server of a configuration.

    It is Starlette's router alone: the endpoints answer for their own errors.
    """
    rooms_of: dict[str, Rooms] = {}

    async def receive_webhook(request: InboundRequest, started: float) -> Answer:
        return await process(request, rooms_of["rooms"], started=started)

    async def health(request: Request) -> Response:  # noqa: ARG001
        rooms = rooms_of["rooms"]
        try:
            await rooms.journal.next_due()
        except JournalUnavailable:
            return JSONResponse({"status": "journal unavailable"}, 503)
        if rooms.journal.fenced:
            return JSONResponse({"status": "journal out of reach"}, 503)
        flights = rooms.flights
        return JSONResponse(
            {"status": "ok", "flying": len(flights), "resting": flights.gates.resting()}
        )

    @contextlib.asynccontextmanager
    async def lifespan(app: Router) -> AsyncIterator[None]:  # noqa: ARG001
        async with _open(configured) as rooms:
            rooms_of["rooms"] = rooms
            yield

    settings = configured.settings
    webhook = Endpoint(
        receive_webhook, _clock, limit=settings.body_limit, patience=settings.body_timeout
    )
    methods = sorted(_methods(configured))
    return Router(
        routes=[
            HttpRoute("/webhooks/{store}", webhook, methods=methods),
            HttpRoute("/webhooks/{store}/{segment}", webhook, methods=methods),
            HttpRoute("/health", health, methods=["GET"]),
        ],
        lifespan=lifespan,
    )


def _methods(configured: Configured) -> set[str]:
    """The methods that some store's platform uses; what is none of a store's own is 405 as well."""
    sources = [route.source for route in configured.routes.values()]
    asked = {one.method for source in sources for one in source.handshakes}
    return {"POST", *asked, *(method for source in sources for method in source.methods)}


@contextlib.asynccontextmanager
async def _open(configured: Configured) -> AsyncIterator[Rooms]:
    """
    Open journal and client, run the parking worker, and stop in the right order.

    As soon as the process is asked to stop, nothing parked is begun any more.  Webhooks in
    progress go on to their own deadlines, and when the server has answered them, what waits at
    the gates goes back.  Flights go on until there is just time left to give them up: their
    webhooks are answered then, their lanes rest, and they go back as unsure.
    """
    settings, stop = configured.settings, asyncio.Event()
    patience, loop = settings.patience(), asyncio.get_running_loop()
    journal = await open_journal(settings.opening())
    async with new_client() as client:
        lag = Lag(_clock, lambda: journal.behind)
        rooms = _rooms(configured, journal, client, lag, partial(_lost, stop))
        flights, until = rooms.flights, 0.0

        def begin_to_stop() -> None:
            nonlocal until
            if not stop.is_set():
                stop.set()
                until = loop.time() + settings.flights_end_after
                loop.call_at(until, flights.give_up)
                log.info("stopping", flying=len(flights))

        lost = partial(_lost, stop)
        parking = asyncio.create_task(
            park(rooms, beat=patience.beat, stop=stop, lost=lost, keep=settings.keep())
        )
        watching = asyncio.create_task(lag.watch())
        log.info("started", stores=len(configured.routes))
        try:
            with noticed(begin_to_stop, flights.abandon):
                yield rooms
                begin_to_stop()
                flights.gates.stop()
                await parking
                await flights.drain(until - loop.time())
        finally:
            stop.set()
            watching.cancel()
            flights.abandon()
            await parking
            await journal.close()
            log.info("stopped")


def _rooms(
    configured: Configured,
    journal: Journal,
    client: httpx.AsyncClient,
    lag: Lag,
    lost: Callable[[], None],
) -> Rooms:
    settings = configured.settings
    keys = KeySource(client, clock=_clock)
    kept, pace = Kept(_clock), Pace(_clock, asyncio.sleep)
    logins = Logins(clock=_clock)
    gates = Gates(limits_of(configured.routes), settings.workers, _clock)

    async def prove(request: InboundRequest, route: Route) -> VerifiedRequest:
        return await prove_sender(request, route, keys)

    async def send(route: Route, payload: Payload) -> Verdict:
        _, target, account = route.destinations[payload.endpoint]
        turn = gates.of(route.target(payload.endpoint)).pace
        return await attempt(
            client, target, payload, account, logins, turn, timeout=settings.request_timeout
        )

    async def fetch(route: Route, planned: Plan) -> Mapping[str, Any]:
        name, rate = route.store.name, route.source.fetching.per_second
        own = rate / settings.workers if rate else None

        async def turn() -> None:
            await pace.turn(name, own)

        api = Api(client, name, kept, turn, settings.request_timeout)
        return await fetch_all(api, planned.fetches, planned.scope)

    flights = Flights(journal, gates, settings.quiet, lost, settings.request_timeout)
    return Rooms(
        configured.routes, journal, flights, prove, send, fetch, _clock, lambda: lag.seconds
    )


def limits_of(routes: Mapping[str, Route]) -> Mapping[str, Limits]:
    """Give the limits of every target: what the operator says, else what the endpoint has."""
    limits: dict[str, Limits] = {}
    for name, route in routes.items():
        # Requests to a store's API are paced one by one: a webhook can want several.
        if at_once := route.source.fetching.at_once:
            limits[f"{name}/{FETCH}"] = Limits(at_once=at_once)
        for one in route.store.endpoints:
            _, endpoint, _ = route.destinations[one.endpoint]
            known = limits.get(one.target, endpoint.limits)
            limits[one.target] = Limits(
                one.per_second or known.per_second, one.at_once or known.at_once
            )
    return limits


async def prove_sender(request: InboundRequest, route: Route, keys: KeySource) -> VerifiedRequest:
    """
    Verify a webhook; where the platform signs with a private key, with its public ones.

    A signature that no known key made may be made by a new one: the keys are fetched once more.
    """
    verification = route.source.verify[route.store.verify]
    scheme, known, now = verification.engine.scheme, route.proofs, datetime.now(UTC)
    if verification.keys is None:
        return verify(request, scheme, known, now=now)
    host = verification.keys.fill({"setting": dict(route.store.settings)}) or ""
    addresses = key_addresses(request, scheme, host)
    found, failed = await _gathered(keys.keys, addresses)
    try:
        return verify(request, scheme, replace(known, keys=found), now=now)
    except KeyUnknown:
        found, failed = await _gathered(keys.refresh, addresses)
        try:
            return verify(request, scheme, replace(known, keys=found), now=now)
        except KeyUnknown:
            # The key that could not be fetched may be the one: the platform shall come again.
            if failed is not None:
                raise failed from None
            raise


async def _gathered(
    ask: Callable[[str], Awaitable[Keys]], addresses: Sequence[str]
) -> tuple[Keys, FetchFailed | None]:
    """
    Ask for the keys at several addresses.

    Returns:
        All that there are, and why some are missing.

    Raises:
        FetchFailed: There is none at all.
    """
    found: list[Key] = []
    failed: FetchFailed | None = None
    for address in addresses:
        try:
            found += await ask(address)
        except FetchFailed as error:
            failed = error
    if failed is not None and not found:
        raise failed
    return tuple(found), failed


def _lost(stop: asyncio.Event) -> None:
    """Stop this process: others have taken over what it held, and it must send nothing more."""
    if not stop.is_set():
        log.critical("this worker was declared gone; it stops and is to be started again")
        os.kill(os.getpid(), signal.SIGTERM)
