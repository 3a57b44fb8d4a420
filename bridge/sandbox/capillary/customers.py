"""
The customers of a Capillary brand: how one is found, added, changed, combined and merged.

An identifier is unique at its place, which is a source and an account in it.  The numbers are
the published ones; which of them a real brand gives follows from its configuration too, so that
this is a reading:

* Found at its place by an identifier: updated.  What is left out stays as it was, and
  identifiers change only where that is asked for.
* Found at another place only: the profile joins that customer (8050).
* Changed to an identifier that another customer holds at another place: merged into that other,
  which was there first (8051).
* Customers that have profiles at the same place stay two (8053, 8066).

Sources: https://docs.capillarytech.com/reference/v2-add-customer,
https://docs.capillarytech.com/reference/update-customer-details,
https://docs.capillarytech.com/reference/update-identifiersissue-card and
https://docs.capillarytech.com/reference/status-codes-customer
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Place = tuple[str, str]  #: source and account
Identifier = tuple[str, str]  #: type and value
Message = Mapping[str, Any]


def message(code: int, text: str) -> Message:
    """Make an error or a warning: the status is false in every published sample of either."""
    return {"status": False, "code": code, "message": text}


@dataclass(frozen=True, slots=True)
class Profile:
    """What a request says of a customer at one place."""

    place: Place | None  #: None: wherever the customer is found
    identifiers: tuple[Identifier, ...]
    said: Mapping[str, Any]  #: names, channels and fields, as far as they were sent


@dataclass(slots=True)
class Held:
    """What is kept of a customer at one place."""

    identifiers: list[Identifier] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Customer:
    """A person, who has a profile at one place or more."""

    number: int
    created: str
    modified: str
    loyalty: str
    profiles: dict[Place, Held] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)  #: what was sent beside the profiles
    merged: list[int] = field(default_factory=list)  #: the numbers of those that are now part of it


class Customers:
    """Every customer of the brand, and who holds which identifier where."""

    def __init__(self) -> None:
        self.all: dict[int, Customer] = {}
        self._held: dict[Identifier, dict[Place, int]] = {}
        self._last = 0

    def upsert(
        self,
        profiles: Sequence[Profile],
        loyalty: str | None,
        *,
        change: bool,
        at: str,
        warnings: list[Message],
    ) -> Customer | Message:
        """
        Update the customer that the identifiers name, or add one.

        Args:
            profiles: At least one, each with an identifier at least.
            loyalty: Whether they take part; None where that was not sent.
            change: Whether identifiers of a profile that is there already change.
            at: The time now.
            warnings: What went otherwise than it seems is added here.

        Returns:
            The customer; or the error, and then nothing has changed.
        """
        found = self._holders(profiles, here=True)
        if len(found) > 1:
            return message(8008, "the identifiers belong to different customers of the source")
        if not found and any(profile.place is None for profile in profiles):
            return message(8004, "no customer is found, and none can be added without a source")
        known = self.all[found[0]] if found else self._joined(profiles, warnings)
        if known and known.loyalty == "loyalty" and loyalty == "non_loyalty":
            return message(8018, "a loyalty customer cannot become a non-loyalty one")
        customer = known or self._new(at)
        for profile in profiles:
            customer = self._say(customer, profile, change=change, warnings=warnings)
        customer.loyalty, customer.modified = loyalty or customer.loyalty, at
        return customer

    def _holders(self, profiles: Sequence[Profile], *, here: bool) -> list[int]:
        """Give who holds an identifier at the place of its profile, or at other places."""
        return list(
            dict.fromkeys(
                number
                for profile in profiles
                for identifier in profile.identifiers
                for place, number in self._held.get(identifier, {}).items()
                if (profile.place in (None, place)) is here
            )
        )

    def _joined(self, profiles: Sequence[Profile], warnings: list[Message]) -> Customer | None:
        """Give the customer of other places whom the profiles are to join, if there is one."""
        others = [self.all[number] for number in self._holders(profiles, here=False)]
        places = {profile.place for profile in profiles}
        free = [other for other in others if not places & other.profiles.keys()]
        if others and not free:
            warnings.append(message(8066, "the customer of another source has a profile here"))
        if len(others) > 1:
            warnings.append(message(8052, "customers of other sources are in conflict"))
        if not free:
            return None
        warnings.append(message(8050, "a customer of another source has the identifier: combined"))
        return free[0]

    def _new(self, at: str) -> Customer:
        self._last += 1
        # The published answer to a request that says nothing of it says loyalty.
        self.all[self._last] = Customer(self._last, at, at, "loyalty")
        return self.all[self._last]

    def _say(
        self, customer: Customer, profile: Profile, *, change: bool, warnings: list[Message]
    ) -> Customer:
        """Put what a profile says into a customer; give the one that it belongs to afterwards."""
        place = profile.place or self._found_at(customer, profile)
        added = place not in customer.profiles
        held = customer.profiles.setdefault(place, Held())
        fields = {**held.said.get("fields", {}), **profile.said.get("fields", {})}
        held.said = {**held.said, **profile.said, "fields": fields}
        if not added and not change:
            return customer
        fresh = [one for one in profile.identifiers if one not in held.identifiers]
        self._identify(customer.number, place, held, profile.identifiers)
        if added:
            return customer
        others = self._holders([Profile(place, tuple(fresh), {})], here=False)
        other = next((self.all[one] for one in others if one != customer.number), None)
        return self._merge(customer, other, warnings) if other else customer

    def _found_at(self, customer: Customer, profile: Profile) -> Place:
        places = customer.profiles
        return next(
            (one for one in places if set(places[one].identifiers) & set(profile.identifiers)),
            next(iter(places)),
        )

    def _identify(self, number: int, place: Place, held: Held, sent: Sequence[Identifier]) -> None:
        """Let the sent identifiers take the place of those of their types."""
        types = {kind for kind, _ in sent}
        for identifier in held.identifiers:
            if identifier[0] in types:
                del self._held[identifier][place]
        for identifier in sent:
            self._held.setdefault(identifier, {})[place] = number
        held.identifiers = [one for one in held.identifiers if one[0] not in types] + [*sent]

    def _merge(self, victim: Customer, survivor: Customer, warnings: list[Message]) -> Customer:
        if victim.profiles.keys() & survivor.profiles.keys():
            warnings.append(message(8053, "another customer has the identifier: in conflict"))
            return victim
        warnings.append(
            message(8051, f"merged with userId {survivor.number}, which has the identifier")
        )
        for place, held in victim.profiles.items():
            survivor.profiles[place] = held
            for identifier in held.identifiers:
                self._held[identifier][place] = survivor.number
        survivor.said = {**victim.said, **survivor.said}
        survivor.merged.append(victim.number)
        del self.all[victim.number]
        return survivor
