"""
Compose the keys of entries and lanes.

Both begin with short growing numbers and the platform's own growing id, so that neighbours in
time are neighbours on disk: hashes alone would halve the journal's speed once it is large.
What may be personal is only ever kept as a keyed hash.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Sequence
from functools import cache

_LARGEST = 2**63
_LAST = 10  #: bytes that tell apart what has one place


def place(secret: bytes, identity: str, *, personal: bool = False) -> bytes:
    """
    Write an id in 8 bytes if it is a plain number, else as a hash in 16.

    A number with leading zeros is not plain: ``007`` and ``7`` are two things.  The first byte
    tells the two forms apart, since no number below 2**63 begins with 0xff.

    Args:
        secret: The journal's own, so that nobody can look for an e-mail by its hash.
        personal: Never write it plainly, whatever it looks like.
    """
    plain = identity.isascii() and identity.isdigit() and str(int(identity[:20])) == identity
    if plain and not personal and int(identity) < _LARGEST:
        return int(identity).to_bytes(8, "big")
    return b"\xff" + _keyed(secret, identity)[:15]


def lane_of(secret: bytes, account: int, endpoint: int, identity: str, *, personal: bool) -> bytes:
    """Name the lane of one thing at one endpoint; *account* and *endpoint* are their numbers."""
    where = account.to_bytes(2, "big") + endpoint.to_bytes(1, "big")
    return where + place(secret, identity, personal=personal)


def key_of(
    secret: bytes,
    number: int,
    store: str,
    topic: str,
    parts: Sequence[str] | None,
    resource: str,
) -> bytes:
    """
    Make the key by which a webhook is known again.

    Args:
        number: The store's.
        parts: What the source file names; store and topic are always part of it.  None: a key
            that never comes again.
        resource: Gives the key its place among its neighbours.
    """
    if parts is None:
        last = os.urandom(_LAST)
    else:
        last = hashlib.sha256(json.dumps([store, topic, *parts]).encode()).digest()[:_LAST]
    return number.to_bytes(2, "big") + place(secret, resource) + last


def another(key: bytes) -> bytes:
    """Make a key that never comes again, beside *key*."""
    return key[:-_LAST] + os.urandom(_LAST)


def subject_of(secret: bytes, subject: str) -> bytes:
    """Hash what identifies a customer, differently from every lane."""
    return _keyed(secret, f"subject\0{subject}")[:16]


def _keyed(secret: bytes, text: str) -> bytes:
    keyed = _with(secret).copy()
    keyed.update(text.encode("utf-8", "surrogatepass"))
    return keyed.digest()


@cache
def _with(secret: bytes) -> hmac.HMAC:
    """Begin a keyed hash: to go on from a copy costs half of one that begins anew."""
    return hmac.new(secret, digestmod="sha256")
