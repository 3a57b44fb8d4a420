"""
What a journal tells of dead letters: why they are dead, how many there are, and which are meant.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.journal.protocol import FETCH, Count, Filter, Journal, Letters
from bridge.types import Cause
from tests.journal.given import (
    NOON,
    World,
    arrival,
    deliver,
    entries_of,
    fly,
    planned,
    record,
    state,
)

NO_TOTAL = Cause("map", "missing", "mappings/sources/acme.toml", 41, "order.total")
NO_NAME = Cause("validate", "missing", "mappings/destinations/vendor_customer.toml", 7, "name")
NO_MAIL = Cause("validate", "wrong_form", "mappings/destinations/vendor_customer.toml", 9, "email")
SAID_NO = Cause("send", "http_422")


async def dead_order(journal: Journal, key: str, **more: Any) -> int:
    """An order that its destination refused."""
    flight = await fly(journal, key, planned(key, **more.pop("planned", {})), **more)
    await journal.settle(flight, "refused", "no", (SAID_NO,), sync=False)
    return flight.entry


async def unmapped(journal: Journal, key: str, **more: Any) -> int:
    """A webhook whose source file does not fit it."""
    webhook = replace(arrival(key, **more), problem="no total", dead=True, causes=(NO_TOTAL,))
    return (await journal.receive(webhook, sync=False)).entry


async def born_dead(journal: Journal, key: str, *causes: Cause) -> int:
    """A customer of whom the destination file makes nothing."""
    born = planned("", endpoint="vendor.customer", state="refused", reason="no", causes=causes)
    return (await journal.receive(arrival(key, born), sync=False)).entry


async def causes_of(journal: Journal, entry: int) -> dict[str, tuple[Cause, ...]]:
    """The causes of an entry ("") and of its deliveries."""
    shown = await journal.show(entry)
    told = {"": shown.causes} | {one.endpoint: one.causes for one in shown.deliveries}
    return {endpoint: causes for endpoint, causes in told.items() if causes}


class Lettering:
    async def test_what_cannot_be_mapped_tells_why(self, world: World):
        journal = await world.worker()

        assert await causes_of(journal, await unmapped(journal, "e1")) == {"": (NO_TOTAL,)}

    async def test_what_is_born_refused_tells_all_that_is_wrong_in_order(self, world: World):
        journal = await world.worker()
        entry = await born_dead(journal, "e1", NO_NAME, NO_MAIL)

        assert await causes_of(journal, entry) == {"vendor.customer": (NO_NAME, NO_MAIL)}

    async def test_what_a_destination_refuses_tells_its_word(self, world: World):
        journal = await world.worker()

        entry = await dead_order(journal, "e1")

        assert await causes_of(journal, entry) == {"vendor.order": (SAID_NO,)}

    async def test_what_cannot_be_mapped_any_more_tells_why(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned())

        await journal.unmappable(flight, "no total", (NO_TOTAL,))

        assert await causes_of(journal, flight.entry) == {"vendor.order": (NO_TOTAL,)}

    async def test_what_is_delivered_or_ignored_has_no_cause(self, world: World):
        journal = await world.worker()
        ignored = replace(arrival("e2"), problem="no topic", causes=(NO_TOTAL,))

        delivered = await deliver(journal, "e1", planned())
        receipt = await journal.receive(ignored, sync=False)

        assert await causes_of(journal, delivered) == {}
        assert await causes_of(journal, receipt.entry) == {}

    async def test_what_a_fetch_leads_to_tells_why_it_is_dead(self, world: World):
        journal = await world.worker()
        thin = await fly(journal, "e1", planned("a", endpoint=FETCH))
        other = await fly(journal, "e2", planned("b", endpoint=FETCH))
        born = planned("", endpoint="vendor.customer", state="refused", causes=(NO_NAME,))

        await journal.expand(thin, b"{}", [], problem="no total", dead=True, causes=(NO_TOTAL,))
        await journal.expand(other, b"{}", [planned("b"), born])

        assert await causes_of(journal, thin.entry) == {"": (NO_TOTAL,)}
        assert await causes_of(journal, other.entry) == {"vendor.customer": (NO_NAME,)}

    async def test_what_ran_out_of_time_tells_so(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned(), horizon=60.0)
        await journal.back(flight, delay=0, unsure=False, reason="503")
        world.clocks.advance(60)
        await journal.due()

        cause = Cause("store", "out_of_time")
        assert await causes_of(journal, flight.entry) == {"vendor.order": (cause,)}

    @pytest.mark.parametrize("found_by", ["sweep", "take"])
    async def test_what_its_store_stopped_repeating_tells_so(self, world: World, found_by: str):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned(), horizon=60.0, park=False)
        await journal.back(flight, delay=None, unsure=False, reason="503")
        world.clocks.advance(60)
        if found_by == "sweep":
            await journal.sweep()
        else:
            await journal.take(flight.entry, "vendor.order")

        assert await state(journal, flight.entry) == "failed"
        cause = Cause("store", "store_stopped")
        assert await causes_of(journal, flight.entry) == {"vendor.order": (cause,)}

    async def test_a_cause_ends_with_its_dead_letter(self, world: World):
        journal = await world.worker()
        refused, dead = await dead_order(journal, "e1"), await unmapped(journal, "e2")
        born = await born_dead(journal, "e3", NO_NAME)
        today = planned("", endpoint="vendor.customer", state="refused", causes=(NO_MAIL,))

        await journal.replay(refused, [planned("e1")])
        await journal.replay(dead, [planned("e2")])
        await journal.replay(born, [today])

        assert await causes_of(journal, refused) == {}
        assert await causes_of(journal, dead) == {}
        assert await causes_of(journal, born) == {"vendor.customer": (NO_MAIL,)}

    async def test_a_replay_that_does_nothing_keeps_the_cause(self, world: World):
        journal = await world.worker()
        dead = await unmapped(journal, "e1")
        both = [planned("7"), planned("7", endpoint="vendor.customer")]
        receipt = await journal.receive(arrival("e2", *both), sync=False)
        for standing in receipt.standings:
            assert standing.flight is not None
            await journal.settle(standing.flight, "refused", "no", (SAID_NO,), sync=False)

        await journal.replay(dead, [])
        await journal.replay(receipt.entry, both, "vendor.customer")

        assert await causes_of(journal, dead) == {"": (NO_TOTAL,)}
        assert await causes_of(journal, receipt.entry) == {"vendor.order": (SAID_NO,)}

    async def test_what_is_of_no_interest_today_is_done(self, world: World):
        journal = await world.worker()
        dead = await unmapped(journal, "e1")

        assert await journal.replay(dead, [], problem="no topic") == ()

        shown = await journal.show(dead)
        assert (shown.state, shown.problem, shown.causes) == ("done", "no topic", ())

    async def test_dead_letters_are_counted_by_their_cause(self, world: World):
        journal = await world.worker()
        refused = [await dead_order(journal, key) for key in ("e1", "e2", "e3")]
        born = await born_dead(journal, "e4", NO_NAME, NO_MAIL)
        again = await born_dead(journal, "e5", NO_MAIL)
        dead = await unmapped(journal, "e6", store="north")
        await deliver(journal, "e7", planned("e7"))

        assert await journal.letters(Filter()) == (
            Letters(SAID_NO, "vendor.order", 3, refused[-1]),
            Letters(NO_MAIL, "vendor.customer", 2, again),
            Letters(NO_TOTAL, "", 1, dead),
            Letters(NO_NAME, "vendor.customer", 1, born),
        )
        assert await journal.letters(Filter(store="north")) == (Letters(NO_TOTAL, "", 1, dead),)
        assert await journal.letters(Filter(code="wrong_form")) == (
            Letters(NO_MAIL, "vendor.customer", 2, again),
        )
        assert await journal.letters(Filter(endpoint="vendor.order")) == (
            Letters(SAID_NO, "vendor.order", 3, refused[-1]),
        )

    async def test_entries_are_counted_by_store_and_state(self, world: World):
        journal = await world.worker()
        await deliver(journal, "e1", planned("e1"))
        await deliver(journal, "e2", planned("e2"))
        await dead_order(journal, "e3")
        await unmapped(journal, "e4", store="north")
        await fly(journal, "e5", planned("e5", account="north"), store="north")
        both = planned("e6"), replace(planned("", endpoint="vendor.mail"), state="refused")
        await journal.receive(arrival("e6", *both), sync=False)

        assert await journal.count(Filter(limit=1)) == (
            Count("north", "dead", 1),
            Count("north", "open", 1),
            Count("shop", "dead", 1),
            Count("shop", "done", 2),
            Count("shop", "open", 1),
        )
        assert await journal.count(Filter(state="dead", store="shop")) == (
            Count("shop", "dead", 1),
        )


class Choosing:
    """Which entries a filter means."""

    async def made(self, world: World, journal: Journal) -> dict[str, int]:
        """Entries of every kind, by name."""
        made = {"done": await deliver(journal, "e1", planned("1"), subjects=("ana@x.example", "7"))}
        made["refused"] = await dead_order(
            journal, "e2", subjects=("7", "bia@x.example", "123"), planned={"account": "north"}
        )
        made["unmapped"] = await unmapped(journal, "e3", received_at=NOON - timedelta(hours=1))
        made["born"] = await born_dead(journal, "e4", NO_NAME, NO_MAIL)
        unsure = await fly(journal, "e5", planned("5"), subjects=("77",))
        await journal.back(unsure, delay=600, unsure=True, reason="no answer")
        made["unsure"] = unsure.entry
        failed = await fly(
            journal, "e6", planned("6"), horizon=60.0, received_at=NOON + timedelta(seconds=30)
        )
        await journal.back(failed, delay=0, unsure=False, reason="503")
        world.clocks.advance(60)
        await journal.due()
        made["failed"] = failed.entry
        both = [planned("8"), planned("8", endpoint="vendor.customer", account="north")]
        receipt = await journal.receive(arrival("e8", *both), sync=False)
        flight = receipt.standings[0].flight
        assert flight is not None
        await journal.settle(flight, "refused", "no", (SAID_NO,), sync=False)
        made["half"] = receipt.entry
        return made

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            ({"state": "refused"}, "refused born half"),
            ({"state": "failed"}, "failed"),
            ({"state": "queued"}, "unsure"),
            ({"state": "delivered"}, "done"),
            ({"letters": True}, "refused unmapped born failed half"),
            ({"letters": True, "endpoint": "vendor.customer"}, "born"),
            ({"endpoint": "vendor.customer"}, "born half"),
            ({"endpoint": "vendor.customer", "state": "dead"}, "born"),
            ({"endpoint": "vendor.customer", "state": "open"}, "half"),
            ({"endpoint": "vendor.order", "state": "done"}, "done"),
            ({"target": "north/vendor.order"}, "refused"),
            ({"target": "north"}, "refused half"),
            ({"target": "nort"}, ""),
            ({"target": "north", "state": "refused"}, "refused"),
            ({"unsure": True}, "unsure"),
            ({"unsure": True, "state": "dead"}, ""),
            ({"since": NOON}, "done refused born unsure failed half"),
            ({"since": NOON + timedelta(seconds=1)}, "failed"),
            ({"until": NOON}, "unmapped"),
            ({"since": NOON - timedelta(hours=2), "until": NOON}, "unmapped"),
            ({"stage": "validate"}, "born"),
            ({"stage": "send"}, "refused half"),
            ({"code": "missing"}, "unmapped born"),
            ({"code": "missing", "field": "email"}, ""),
            ({"code": "missing", "stage": "map"}, "unmapped"),
            ({"file": "acme.toml"}, "unmapped"),
            ({"file": "sources/acme.toml", "line": 41}, "unmapped"),
            ({"file": "mappings/sources/acme.toml", "line": 42}, ""),
            ({"file": "cme.toml"}, ""),
            ({"file": "vendor%customer.toml"}, ""),
            ({"file": "vendor_customer.toml"}, "born"),
            ({"file": "vendor-customer.toml"}, ""),
            ({"field": "order.total"}, "unmapped"),
            ({"stage": "send", "endpoint": "vendor.customer"}, ""),
            ({"stage": "send", "store": "north"}, ""),
            ({"subjects": ("ana@x.example",)}, "done"),
            ({"subjects": ("7",)}, "done refused"),
            ({"subjects": ("123",)}, "refused"),
            ({"subjects": ("nobody", "77")}, "unsure"),
            ({"subjects": ("nobody",)}, ""),
        ],
        ids=str,
    )
    async def test_entries_are_chosen(self, world: World, wanted: dict[str, Any], found: str):
        journal = await world.worker()
        made = await self.made(world, journal)

        shown = await journal.entries(Filter(**wanted))

        names = {entry: name for name, entry in made.items()}
        assert {names[one.entry] for one in shown} == set(found.split())
        assert sum(one.entries for one in await journal.count(Filter(**wanted))) == len(shown)


class Foreseeing:
    async def test_it_is_said_what_a_replay_would_come_to(self, world: World):
        journal = await world.worker()
        older = await dead_order(journal, "1", planned={"at": 10})
        newest = await deliver(journal, "2", planned("1", at=20))

        told = await journal.foresee(
            older,
            [
                planned("1", at=10),
                planned("9", at=10),
                planned("1", at=30),
                planned("1", endpoint="never.seen"),
                replace(planned("1", at=10), state="ignored", reason="no e-mail"),
            ],
        )

        assert [(one.state, one.reason) for one in told] == [
            ("stale", f"entry {newest} is newer and was delivered"),
            ("queued", ""),
            ("queued", ""),
            ("queued", ""),
            ("ignored", "no e-mail"),
        ]
        assert await state(journal, older) == "refused"

    async def test_what_was_delivered_would_be_stale_only_behind_something_newer(
        self, world: World
    ):
        journal = await world.worker()
        first = await deliver(journal, "1", planned("1", at=10))
        (alone,) = await journal.foresee(first, [planned("1", at=10)], anew=True)
        await deliver(journal, "2", planned("1", at=20))
        (behind,) = await journal.foresee(first, [planned("1", at=10)], anew=True)

        assert (alone.state, behind.state) == ("queued", "stale")

    async def test_an_unknown_entry_is_said_so(self, world: World):
        journal = await world.worker()

        with pytest.raises(LookupError, match="the journal has no entry 77"):
            await journal.foresee(77, [planned()])


class SendingAgain:
    async def test_what_was_delivered_is_sent_again_as_a_new_entry(self, world: World):
        journal, onlooker = await world.worker(), await world.worker(register=False)
        flight = await fly(journal, "e1", planned(), subjects=("ana@x.example",), horizon=60.0)
        await journal.settle(flight, "delivered", sync=False)
        world.clocks.advance(100)

        again = await onlooker.send_again(flight.entry, [planned()])

        old, new = await journal.load(flight.entry), await journal.load(again)
        assert new == replace(old, entry=again)
        assert entries_of(await journal.due()) == [again]
        shown = await journal.show(again)
        assert (shown.event_type, shown.resource, shown.copies) == (None, "1042", 0)
        assert len(await journal.entries(Filter(subjects=("ana@x.example",)))) == 2
        assert (await record(journal, "e1", planned())).outcome.state == "delivered"

    async def test_something_newer_keeps_it_back(self, world: World):
        journal = await world.worker()
        first = await deliver(journal, "e1", planned(at=10))
        await deliver(journal, "e2", planned(at=20))

        again = await journal.send_again(first, [planned(at=10)])

        assert await journal.due() == ()
        assert await state(journal, again) == "stale"

    async def test_it_has_the_old_version_also_where_no_time_was_stated(self, world: World):
        journal = await world.worker()
        untimed = replace(planned(), stamp=0)
        first = await deliver(journal, "e1", untimed)
        world.clocks.advance(10)
        await deliver(journal, "e2", replace(untimed, print=b"other"))
        world.clocks.advance(10)

        again = await journal.send_again(first, [untimed])

        assert await journal.due() == ()
        assert await state(journal, again) == "stale"

    async def test_it_may_be_done_twice(self, world: World):
        journal = await world.worker()
        first = await deliver(journal, "e1", planned())

        assert len({await journal.send_again(first, [planned()]) for _ in range(2)}) == 2

    async def test_an_unknown_entry_is_said_so(self, world: World):
        journal = await world.worker()

        with pytest.raises(LookupError, match="the journal has no entry 77"):
            await journal.send_again(77, [planned()])
