"""
Keep headers, body and what was fetched; sealed where there is a key.

A row says in `sealed` under which key it lies, by the key's number; 0 is plain.  All three are
sealed alike, also when a key is configured while a webhook is under way.
"""

from __future__ import annotations

from bridge.errors import BodySealed, JournalUnusable
from bridge.journal.cipher import Cipher
from bridge.journal.transaction import Steps, Transaction, do, one, rows

KEEP_BODY = """
INSERT INTO body (entry, headers, body, sealed) VALUES (:entry, :headers, :body, :sealed)
"""

KEEP_RESOURCE = "UPDATE body SET resource = :resource WHERE entry = :entry AND sealed = 0"

KEEP_SEALED = "UPDATE body SET resource = :resource WHERE entry = :entry AND sealed <> 0"

KEYS = "SELECT name, number FROM name WHERE kind = 'key'"

SEALED_BY = "SELECT entry FROM body WHERE sealed = :number LIMIT 1"

FORGET_KEY = "DELETE FROM name WHERE kind = 'key' AND name = :name"


def keep_body(tx: Transaction, entry: int, headers: bytes, body: bytes) -> Steps[None]:
    """Keep what came."""
    number = 0
    if tx.cipher is not None:
        number = yield from tx.number("key", tx.cipher.newest)
        headers, body = tx.cipher.seal(headers), tx.cipher.seal(body)
    values = {"entry": entry, "headers": headers, "body": body, "sealed": number}
    yield from do(KEEP_BODY, values)


def keep_resource(tx: Transaction, entry: int, resource: bytes) -> Steps[None]:
    """Keep what was fetched, as the body beside it is kept."""
    yield from do(KEEP_RESOURCE, {"entry": entry, "resource": resource})
    if tx.cipher is not None:
        yield from do(KEEP_SEALED, {"entry": entry, "resource": tx.cipher.seal(resource)})


def opened(cipher: Cipher | None, sealed: int, entry: int, kept: bytes) -> bytes:
    """
    Give back what was kept.

    Raises:
        BodySealed: It lies under a key that is not configured.
    """
    if not sealed:
        return kept
    plain = None if cipher is None else cipher.open(kept)
    if plain is None:
        raise BodySealed(
            f"entry {entry} is encrypted with a key that BRIDGE_JOURNAL_KEYS does not hold"
        )
    return plain


def check_keys(tx: Transaction) -> Steps[None]:
    """
    See that everything sealed can be opened; forget keys under which nothing lies any more.

    Raises:
        JournalUnusable: Something lies under a key that is not configured.
    """
    known = tx.cipher.names if tx.cipher is not None else ()
    for name, number in (yield from rows(KEYS, {})):
        if name in known:
            continue
        row = yield from one(SEALED_BY, {"number": number})
        if row is not None:
            raise JournalUnusable(
                f"entry {row[0]} of the journal, and maybe more, is encrypted with key {name}, and "
                f"BRIDGE_JOURNAL_KEYS {_holds(known)}. Put that key behind the newest one"
            )
        yield from do(FORGET_KEY, {"name": name})
        tx.numbers.pop(("key", name), None)


def _holds(names: tuple[str, ...]) -> str:
    return f"holds {', '.join(names)}" if names else "is not set"
