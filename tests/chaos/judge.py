"""
Say of a ledger which promises were kept.  Pure: a ledger goes in, a judgement comes out.

The judge believes the destination about what was accepted and the store about what was
answered.  What may happen twice is what the operator's guide names under "What remains
possible", and only where the ledger shows that this very case was there.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.ledger import (
    Accepted,
    Content,
    Event,
    Frozen,
    Killed,
    Ledger,
    Terms,
    Thing,
    Try,
)

#: Of the margin, the part that the bridge may use up: at its last moment it stops waiting for
#: the destination, and a commit and the turn of a busy process come after that.
USED = 0.5
#: Of what is found, so much is spelled out.
_MOST_TOLD = 20


#: Seconds in which an answer that was written is also read, on a machine with much to do.
_HEARD_WITHIN = 0.1


@dataclass(frozen=True, slots=True)
class Answers:
    """How fast the store was answered.  Seconds."""

    count: int = 0
    p50: float = 0.0
    p99: float = 0.0
    p999: float = 0.0
    longest: float = 0.0
    late: int = 0  #: after the deadline
    missed: int = 0  #: after the platform gave up; never is one of them


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found, and which promises it breaks."""

    events: int = 0
    tries: int = 0
    delivered: int = 0  #: events that the destination has accepted
    parked: int = 0  #: of them, those whose store was told that they are parked
    needless: int = 0  #: events that a newer one, or one that says the same, stands for
    dead: int = 0
    lost: Sequence[str] = ()
    unfinished: int = 0
    doubled: Sequence[str] = ()  #: doubles that no case explains
    residual: Mapping[int, int] = field(default_factory=dict)  #: case -> doubles that it explains
    backward: Sequence[str] = ()  #: an older one was accepted after a newer one
    left_old: Sequence[str] = ()  #: ... and stands at the end
    answers: Answers = Answers()
    lag: float = 0.0  #: seconds by which the harness itself was late: times are as far off
    broken: Sequence[str] = ()  #: promises that did not hold, in words

    @property
    def held(self) -> bool:
        """Whether every promise was kept."""
        return not self.broken


def judge(ledger: Ledger, terms: Terms) -> Judgement:
    """Judge one scenario."""
    known = {one.content: one for one in ledger.events}
    shown = _dead_events(ledger)
    accepted = [one for one in ledger.accepted if one.content in known]
    stray = len(ledger.accepted) - len(accepted)
    first_word = _first_words(ledger.tries)
    taken = {known[one.content].id for one in accepted}
    newest = _newest_known(ledger.events, taken | shown)

    good = [one for one in ledger.events if not one.poison]
    delivered = [one for one in good if one.id in taken]
    superseded = [
        one
        for one in good
        if one.id not in taken and one.id not in shown and newest.get(one.thing, -1) > one.version
    ]
    covered = taken | shown | {one.id for one in superseded} | _same_as_taken(ledger.events, taken)
    lost = [_tell_lost(one, first_word) for one in ledger.events if one.id not in covered]
    wrong_dead = [one.id for one in good if one.id in shown]
    residual, doubled = _doubles(accepted, known, ledger, terms)
    backward, left_old = _disorder(accepted, known)
    answers = measure(_awake(ledger), terms)
    found = Judgement(
        events=len(ledger.events),
        tries=len(ledger.tries),
        delivered=len(delivered),
        parked=sum(first_word.get(one.id) == "parked" for one in delivered),
        needless=sum(one.id in covered - taken - shown for one in good),
        dead=len(shown),
        lost=lost,
        unfinished=len(ledger.open),
        doubled=doubled,
        residual=residual,
        backward=backward,
        left_old=left_old,
        answers=answers,
        lag=ledger.lag,
    )
    return _with_broken(found, ledger, terms, wrong_dead, stray)


def _with_broken(
    found: Judgement, ledger: Ledger, terms: Terms, wrong_dead: Sequence[str], stray: int
) -> Judgement:
    late = deadline(terms)
    said = {
        "no loss": _some(found.lost, "lost"),
        "nothing unfinished": f"{found.unfinished} unfinished" if found.unfinished else "",
        "no dead letters": "" if terms.dead_letters else _some(wrong_dead, "dead letters"),
        "nothing made up": f"{stray} accepted that no store sent" if stray else "",
        "no double": _some(found.doubled, "doubled without a reason"),
        "newest wins": _some([*found.left_old, *found.backward], "out of order"),
        "the deadline": (
            f"p99.9 {found.answers.p999:.2f} s of {late:.2f} s, "
            f"{found.answers.missed} not answered in {terms.answer_within:g} s"
            # A harness that was late itself has seen answers late that were not.
            if found.answers.p999 > late + ledger.lag or found.answers.missed
            else ""
        ),
        **{one.wanted: "" if one.held else one.found for one in ledger.checks},
    }
    broken = tuple(f"{promise}: {what}" for promise, what in said.items() if what)
    return Judgement(
        **{name: getattr(found, name) for name in found.__slots__ if name != "broken"},
        broken=broken,
    )


def _some(found: Sequence[str], what: str) -> str:
    if not found:
        return ""
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return f"{len(found)} {what} ({', '.join(found[:3])}{more})"


def _first_words(tries: Iterable[Try]) -> dict[str, str]:
    """What the store was told first that made it stop."""
    words: dict[str, str] = {}
    for one in sorted(tries, key=lambda each: each.began + each.took):
        if one.good:
            words.setdefault(one.event, one.word)
    return words


def _dead_events(ledger: Ledger) -> set[str]:
    return {one.event for one in ledger.tries if one.entry is not None and one.entry in ledger.dead}


def _newest_known(events: Iterable[Event], settled: set[str]) -> dict[Thing, int]:
    """Of each thing, the newest version that was accepted or is shown as a dead letter."""
    newest: dict[Thing, int] = {}
    for one in events:
        if one.id in settled and not one.poison:
            newest[one.thing] = max(newest.get(one.thing, -1), one.version)
    return newest


def _same_as_taken(events: Iterable[Event], taken: set[str]) -> set[str]:
    """Events that say nothing but what an accepted one of their thing says."""
    events = tuple(events)
    said: defaultdict[tuple[Thing, str], list[int]] = defaultdict(list)
    for one in events:
        if one.id in taken:
            said[one.thing, one.content.tag].append(one.version)
    newest = _newest_known(events, taken)
    return {
        one.id
        for one in events
        if newest.get(one.thing) in said.get((one.thing, one.content.tag), [])
    }


def _tell_lost(event: Event, first_word: Mapping[str, str]) -> str:
    word = first_word.get(event.id)
    told = f"told {word}" if word is not None else "never answered 2xx"
    return f"{_name(event)} {told}"


def _name(event: Event) -> str:
    return f"{event.thing.account}/{event.thing.id} v{event.version}"


def _doubles(
    accepted: Sequence[Accepted], known: Mapping[Content, Event], ledger: Ledger, terms: Terms
) -> tuple[Mapping[int, int], list[str]]:
    """Tell doubles apart: those that a residual case explains, and the others."""
    cases: Counter[int] = Counter()
    unexplained: list[str] = []
    before: dict[Content, Accepted] = {}
    for one in accepted:
        earlier = before.get(one.content)
        if earlier is not None:
            case = _case(earlier, one, ledger, terms)
            if case is None:
                unexplained.append(
                    f"{_name(known[one.content])} accepted at {earlier.at:.2f} ({earlier.ending} at {earlier.ended:.2f}"
                    f"{f', {earlier.behaviour}' if earlier.behaviour else ''}) and {one.at:.2f}"
                )
            else:
                cases[case] += 1
        before[one.content] = one
    return dict(sorted(cases.items())), unexplained


def _case(earlier: Accepted, again: Accepted, ledger: Ledger, terms: Terms) -> int | None:
    """Name the residual case that explains why what was accepted *earlier* was sent again."""
    if any(_stood_still(one, earlier, again, ledger, terms) for one in ledger.frozen):
        return 3
    if any(_ended_with(one, earlier, ledger, terms) for one in ledger.killed):
        return 2
    if earlier.ending == "untold":
        return 1
    # What the harness sees late, it takes for shorter than it was.
    gave_up = earlier.ended - earlier.asked + ledger.lag >= terms.request_timeout * 0.9
    return 1 if earlier.ending == "left" and gave_up else None


def _stood_still(
    frozen: Frozen, earlier: Accepted, again: Accepted, ledger: Ledger, terms: Terms
) -> bool:
    """Whether a process stood still between an acceptance and its record, or has said so late."""
    if _open_in(frozen, earlier, terms):
        return again.at >= frozen.since
    # When it wakes up, two may have written: the newest of that thing is sent once more.
    return again.at >= frozen.until and any(
        one.content.thing == earlier.content.thing and _open_in(frozen, one, terms)
        for one in ledger.accepted
    )


def _open_in(frozen: Frozen, accepted: Accepted, terms: Terms) -> bool:
    """Whether a request was out, or what came of it not yet recorded, when its process froze."""
    return (
        accepted.port in frozen.ports
        and accepted.asked <= frozen.since + _HEARD_WITHIN
        and accepted.ended >= frozen.since - terms.settles_within
    )


def _ended_with(killed: Killed, accepted: Accepted, ledger: Ledger, terms: Terms) -> bool:
    """Whether a process died between the acceptance and its record."""
    if accepted.port not in killed.ports:
        return False
    if killed.at < accepted.at:
        # It had sent the request when it died, and nobody was there to hear the answer.
        return accepted.at <= killed.at + terms.request_timeout + ledger.lag
    if accepted.ending != "told":
        return accepted.ended >= killed.asked - 0.5
    if any(one.since <= accepted.ended + 0.5 and killed.at >= one.since for one in ledger.away):
        # The journal could not take the record, and then the process died with it.
        return True
    if accepted.ended + ledger.lag >= killed.gives_up - _HEARD_WITHIN:
        # The answer was on its way when nobody listened to it any more.
        return True
    # Who is asked to end writes down first what he knows.
    abrupt = killed.asked == killed.at
    return abrupt and killed.at <= accepted.ended + terms.settles_within + ledger.lag


def _disorder(
    accepted: Sequence[Accepted], known: Mapping[Content, Event]
) -> tuple[list[str], list[str]]:
    newest: dict[Thing, Event] = {}
    last: dict[Thing, Event] = {}
    backward = []
    for one in accepted:
        event = known[one.content]
        top = newest.get(event.thing)
        if top is not None and event.version < top.version:
            backward.append(f"{_name(event)} after v{top.version} at {one.at:.2f}")
        if top is None or event.version > top.version:
            newest[event.thing] = event
        last[event.thing] = event
    left = [
        f"{_name(last[thing])} stands instead of v{top.version}"
        for thing, top in newest.items()
        if last[thing].version < top.version
    ]
    return backward, left


def deadline(terms: Terms) -> float:
    """Say after how many seconds the store must have its answer."""
    return terms.answer_within - terms.margin * (1 - USED)


def measure(tries: Iterable[Try], terms: Terms) -> Answers:
    """
    Measure how fast answers came.

    A try whose connection was refused or broke is none: its store knows at once that nobody took
    the webhook.  One that nobody answered while the connection stood is a miss.
    """
    tries = tuple(tries)
    silent = sum(one.status is None and one.trouble == "no answer" for one in tries)
    took = sorted(one.took for one in tries if one.status is not None)
    last = deadline(terms)
    times = [*took, *[math.inf] * silent]
    if not times:
        return Answers()
    return Answers(
        count=len(times),
        p50=rank(times, 0.5),
        p99=rank(times, 0.99),
        p999=rank(times, 0.999),
        longest=times[-1],
        late=sum(one > last for one in times),
        missed=sum(one > terms.answer_within for one in times),
    )


def _awake(ledger: Ledger) -> Iterator[Try]:
    """Give the tries at nodes that could answer: who stands still answers nobody."""
    for one in ledger.tries:
        still = (each for each in ledger.frozen if each.node == one.node)
        if not any(
            one.began <= each.until and one.began + one.took >= each.since for each in still
        ):
            yield one


def rank(ordered: Sequence[float], share: float) -> float:
    """Give the value below which *share* of the *ordered* values lie, none made up between two."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spelled(found: Sequence[str]) -> list[str]:
    """Give the first of what was found, and say how much more there is."""
    more = len(found) - _MOST_TOLD
    return [*found[:_MOST_TOLD], *([f"and {more} more"] if more > 0 else [])]
