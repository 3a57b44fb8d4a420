"""One login serves many calls, a burst of refusals renews once, and a token is never told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from bridge.destinations.endpoint import Account, Call, Login, Token
from bridge.logins import MARGIN, Logins
from bridge.types import Reply, Verdict

ACCOUNT = Account("https://api.example", {"key": "k", "secret": "hidden"})
LIFE = 300.0


@dataclass
class Server:
    """A token server: it numbers its tokens, fails as it is told, and can be made to wait."""

    now: float = 0.0
    verdict: Verdict | None = None  #: instead of an answer
    status: int = 200
    gate: asyncio.Event | None = None
    life: float = LIFE
    asked: list[str] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, call: Call) -> Reply | Verdict:
        self.asked.append(call.url)
        self.arrived.set()
        number, verdict, status = len(self.asked), self.verdict, self.status
        if self.gate is not None:
            await self.gate.wait()
        return verdict or Reply(status, {}, f"token-{number}".encode())

    def logins(self) -> Logins:
        return Logins(clock=lambda: self.now)

    @property
    def login(self) -> Login:
        return Login(lambda _: True, write, self.read)

    def read(self, reply: Reply) -> Token | Verdict:
        if reply.status == 200:
            return Token(reply.body.decode(), self.life)
        return Verdict("refused" if reply.status == 401 else "unsure", f"HTTP {reply.status}")


def write(account: Account) -> Call:
    return Call("POST", f"{account.base_url}/login", {}, b"")


def token_of(signed: Account | Verdict) -> str:
    assert isinstance(signed, Account), signed
    return signed.token


@pytest.fixture
def server() -> Server:
    return Server()


async def test_a_token_is_asked_for_once_and_used_again(server):
    logins, login = server.logins(), server.login

    first = await logins.sign(login, ACCOUNT, server.ask)
    server.now = LIFE - MARGIN - 1
    second = await logins.sign(login, ACCOUNT, server.ask)

    assert token_of(first) == token_of(second) == "token-1"
    assert first == replace(ACCOUNT, token="token-1")
    assert len(server.asked) == 1


async def test_a_token_is_renewed_shortly_before_it_expires(server):
    logins, login = server.logins(), server.login

    await logins.sign(login, ACCOUNT, server.ask)
    server.now = LIFE - MARGIN

    assert token_of(await logins.sign(login, ACCOUNT, server.ask)) == "token-2"


async def test_a_short_life_is_used_for_its_half(server):
    logins, login = server.logins(), server.login
    server.life = 10.0

    await logins.sign(login, ACCOUNT, server.ask)
    server.now = 4.9
    assert token_of(await logins.sign(login, ACCOUNT, server.ask)) == "token-1"
    server.now = 5.0
    assert token_of(await logins.sign(login, ACCOUNT, server.ask)) == "token-2"


async def test_the_life_of_a_token_begins_before_it_was_asked_for(server):
    logins, login = server.logins(), server.login
    server.gate = asyncio.Event()

    asking = asyncio.create_task(logins.sign(login, ACCOUNT, server.ask))
    await server.arrived.wait()
    server.now = 100.0
    server.gate.set()
    await asking
    server.now = LIFE - MARGIN

    assert token_of(await logins.sign(login, ACCOUNT, server.ask)) == "token-2"


async def test_many_calls_at_once_log_in_once(server):
    logins, login = server.logins(), server.login

    signed = await asyncio.gather(*(logins.sign(login, ACCOUNT, server.ask) for _ in range(50)))

    assert {token_of(one) for one in signed} == {"token-1"}
    assert len(server.asked) == 1


async def test_a_burst_of_refused_tokens_renews_once(server):
    logins, login = server.logins(), server.login
    await logins.sign(login, ACCOUNT, server.ask)

    signed = await asyncio.gather(
        *(logins.sign(login, ACCOUNT, server.ask, refused="token-1") for _ in range(50))
    )

    assert {token_of(one) for one in signed} == {"token-2"}
    assert len(server.asked) == 2


async def test_a_late_refusal_of_an_old_token_does_not_drop_the_new_one(server):
    logins, login = server.logins(), server.login
    await logins.sign(login, ACCOUNT, server.ask)
    await logins.sign(login, ACCOUNT, server.ask, refused="token-1")

    assert token_of(await logins.sign(login, ACCOUNT, server.ask, refused="token-1")) == "token-2"
    assert token_of(await logins.sign(login, ACCOUNT, server.ask)) == "token-2"
    assert len(server.asked) == 2


async def test_while_a_token_is_renewed_nobody_gets_the_refused_one(server):
    logins, login = server.logins(), server.login
    await logins.sign(login, ACCOUNT, server.ask)
    server.gate = asyncio.Event()
    server.arrived.clear()

    renewing = asyncio.create_task(logins.sign(login, ACCOUNT, server.ask, refused="token-1"))
    await server.arrived.wait()
    other = asyncio.create_task(logins.sign(login, ACCOUNT, server.ask))
    server.gate.set()

    assert token_of(await renewing) == token_of(await other) == "token-2"


async def test_a_failing_login_fails_all_who_waited_and_is_tried_anew_afterwards(server):
    logins, login = server.logins(), server.login
    server.status, server.gate = 401, asyncio.Event()

    waiting = [asyncio.create_task(logins.sign(login, ACCOUNT, server.ask)) for _ in range(20)]
    await server.arrived.wait()
    server.gate.set()
    verdicts = await asyncio.gather(*waiting)

    assert set(verdicts) == {Verdict("refused", "no token: HTTP 401")}
    assert len(server.asked) == 1
    server.status = 200
    assert token_of(await logins.sign(login, ACCOUNT, server.ask)) == "token-2"


@pytest.mark.parametrize("kind", ["transient", "unsure"])
async def test_what_became_of_a_login_is_no_doubt_about_the_payload(server, kind):
    server.verdict = Verdict(kind, "no answer within 5 s", 7.0)

    verdict = await server.logins().sign(server.login, ACCOUNT, server.ask)

    assert verdict == Verdict("transient", "no token: no answer within 5 s", 7.0)


async def test_a_call_that_is_given_up_does_not_end_the_login_for_the_others(server):
    logins, login = server.logins(), server.login
    server.gate = asyncio.Event()

    given_up = asyncio.create_task(logins.sign(login, ACCOUNT, server.ask))
    waiting = asyncio.create_task(logins.sign(login, ACCOUNT, server.ask))
    await server.arrived.wait()
    given_up.cancel()
    await asyncio.wait([given_up])
    server.gate.set()

    assert given_up.cancelled()
    assert token_of(await waiting) == "token-1"


async def test_a_bug_in_a_login_is_told_to_who_waited_and_does_not_stay(server):
    logins = server.logins()

    def read(_: Reply) -> Token | Verdict:
        raise ZeroDivisionError

    broken = Login(lambda _: True, write, read)

    with pytest.raises(ZeroDivisionError):
        await logins.sign(broken, ACCOUNT, server.ask)
    with pytest.raises(ZeroDivisionError):
        await logins.sign(broken, ACCOUNT, server.ask)

    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "other",
    [
        replace(ACCOUNT, base_url="https://other.example"),
        replace(ACCOUNT, credentials={"key": "k", "secret": "another"}),
        replace(ACCOUNT, credentials={"key": "another", "secret": "hidden"}),
    ],
)
async def test_accounts_do_not_share_tokens(server, other):
    logins, login = server.logins(), server.login

    await logins.sign(login, ACCOUNT, server.ask)

    assert token_of(await logins.sign(login, other, server.ask)) == "token-2"


async def test_what_an_account_is_told_beside_its_credentials_does_not_matter(server):
    logins, login = server.logins(), server.login

    await logins.sign(login, ACCOUNT, server.ask)
    told = await logins.sign(login, replace(ACCOUNT, options={"a": "b"}), server.ask)

    assert told == replace(ACCOUNT, options={"a": "b"}, token="token-1")


async def test_neither_a_token_nor_a_secret_is_in_a_repr(server):
    logins, login = server.logins(), server.login

    signed = await logins.sign(login, ACCOUNT, server.ask)
    shown = [
        repr(signed),
        repr(logins),
        repr(logins._held.popitem()[1]),
        repr(Token("token-1", 1.0)),
    ]

    assert not [one for one in shown if "token-1" in one or "hidden" in one]
