"""
The functions that every mapping file may call: those of text, lists and conditions, and the list.

The examples on each are its documentation in ``mappings/README.md`` and its tests.  Nothing here
knows a platform or reads a clock, and what is of the wrong form is `Refused` without telling the
value.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from hmac import digest as keyed_hash
from html import unescape
from typing import Any

from bridge.kinds import Refused, name_of
from bridge.mapping import amounts, moments
from bridge.mapping.functions import Example, Function, function, predicate, read_functions
from bridge.mapping.walk import blank, same


@function(
    Example("order", (".", "update"), "order.update"),
    Example("id/", (450789469,), "id/450789469"),
    Example("2024-01-01", (" ", None)),
)
def append(value: str | int, *text: str | int) -> str:
    """Put texts and whole numbers one behind the other; one that is nothing leaves nothing."""
    return "".join(_text(one) for one in (value, *text))


@function(
    Example("ada@example.com", ("@",), "ada"),
    Example("DEZ", ("/",), "DEZ"),
    Example("@ada", ("@",)),
)
def before(value: str, mark: str) -> str:
    """Keep what stands before the first mark; text without the mark stays whole."""
    return value.split(_mark(mark), 1)[0]


@function(
    Example("vip, affiliate", (",",), ["vip", "affiliate"]),
    Example(" , ", (",",), []),
)
def split(value: str, mark: str) -> list[str]:
    """Cut text at every mark into trimmed pieces, without the blank ones."""
    return [piece.strip() for piece in value.split(_mark(mark)) if not blank(piece)]


@function(
    Example(["visa", "gift_card"], (", ",), "visa, gift_card"),
    Example(["", None], (", ",)),
    Example([7, "a"], ("-",), "7-a"),
    Example([True], (", ",), refused="wanted text or a whole number"),
)
def join(values: list[Any], mark: str) -> str:
    """Make one text of a list, with the mark between; what is nothing is left out."""
    return mark.join([_text(one) for one in values if one is not None and not blank(one)])


@function(
    Example("(11) 99999-0000", returns="11999990000"),
    Example("n/a"),
)
def digits(value: str) -> str:
    """Keep only the digits 0 to 9."""
    return "".join(one for one in value if one in "0123456789")


@function(
    Example("inDelivery", returns="indelivery"),
    Example("PAGO À VISTA", returns="pago à vista"),
)
def lower(value: str) -> str:
    """Write text in small letters, for words that a platform spells now so, now so."""
    return value.lower()


@function(
    Example("Idea &ndash; Black", returns="Idea – Black"),
    Example("R&B", returns="R&B"),
    Example("R&amp;amp;B", returns="R&amp;B"),
)
def html(value: str) -> str:
    """Decode the HTML entities in text, once."""
    try:
        return unescape(value)
    except ValueError:  # Python refuses to read a number of thousands of digits
        raise Refused(
            "found an HTML entity with an endless number, wanted a character", "out_of_range"
        ) from None


@function(
    Example(0, (0,)),
    Example("x@mask.example", ("*mask.example",)),
    Example("ada@example.com", ("*mask.example",), "ada@example.com"),
    Example("Unknown", ("n/a", "UNKNOWN")),
    Example("0", (0,), "0"),
    Example("ada", (None,), "ada"),
)
def unless(value: Any, *unwanted: Any | None) -> Any:
    """Keep the value unless it is one of these; in text case is ignored and * is any text."""
    for one in unwanted:
        if one.__class__ is list:  # as settings can be
            if any(_like(value, inner) for inner in one):
                return None
        elif _like(value, one):
            return None
    return value


@function(
    Example("key:secret", returns="a2V5OnNlY3JldA=="),
    Example(b"{}", returns="e30="),
)
def base64(value: bytes | str) -> str:
    """Encode bytes, or text as UTF-8, in standard base64."""
    try:
        return b64encode(value.encode() if isinstance(value, str) else value).decode("ascii")
    except UnicodeEncodeError:
        raise Refused(
            "found text with half a surrogate pair, wanted Unicode", "not_unicode"
        ) from None


@function(
    Example(
        "what do ya want for nothing?",  # RFC 4231, section 4.3
        ("Jefe",),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    Example("x", ("",), refused="wanted a key"),
)
def hmac_sha256(value: str, key: str) -> str:
    """Make the HMAC-SHA256 of text in small hexadecimal, which proves that one has the key."""
    if not key:
        raise Refused("found an empty key, wanted a key", "missing")
    try:
        return keyed_hash(key.encode("utf-8", "surrogateescape"), value.encode(), "sha256").hex()
    except UnicodeEncodeError:
        raise Refused(
            "found text with half a surrogate pair, wanted Unicode", "not_unicode"
        ) from None


@function(
    Example([None, "A", "B"], returns="A"),
    Example(["", 0], returns=0),
    Example([]),
)
def first(values: list[Any]) -> Any:
    """Take the first element that is something."""
    for one in values:
        if one is not None and not blank(one):
            return one
    return None


@function(
    Example(["A", "B", None], returns="B"),
    Example([]),
)
def last(values: list[Any]) -> Any:
    """Take the last element that is something."""
    return next(_filled(reversed(values)), None)


@function(
    Example([]),
    Example([0], returns=[0]),
)
def filled(values: list[Any]) -> list[Any] | None:
    """Keep a list with elements; an empty one, sent before they are known, is nothing."""
    return values or None


@function(
    Example([None, "20.00", ""], returns=["20.00"]),
    Example([0, None], returns=[0]),
    Example([], returns=[]),
)
def known(values: list[Any]) -> list[Any]:
    """Keep what is something in a list, for a sum of what only some elements have."""
    return list(_filled(values))


@function(
    Example({"email": "a@b.c"}, ("email",), "a@b.c"),
    Example({"id": None}, ("id",)),
    Example({}, ("phone",)),
)
def field(thing: dict[str, Any], name: str) -> Any:
    """Take the field that a setting names; a name known in the file is written as a path."""
    return thing.get(name)


@predicate(
    Example(0, returns=True),
    Example([], returns=True),
    Example(None, returns=False),
)
def present(value: Any | None) -> bool:
    """Ask whether there is something."""
    return value is not None and not blank(value)


@predicate(
    Example(None, returns=True),
    Example([], returns=False),
)
def absent(value: Any | None) -> bool:
    """Ask whether there is nothing."""
    return _nothing(value)


@predicate(
    Example("paid", ("paid", "refunded"), returns=True),
    Example("paid", (["paid", "refunded"],), returns=True),
    Example("Paid", ("paid",), returns=False),
    Example("1", (1,), returns=False),
    Example(1, (Decimal("1.0"),), returns=True),
    Example(None, ("paid",), returns=False),
)
def is_(given: Any | None, *value: Any) -> bool:
    """Ask whether it equals one of these: text only text, numbers only numbers."""
    return _among(given, value)


@predicate(
    Example(given=True, arguments=(True,), returns=False),
    Example(None, (True,), returns=True),
    Example("web", (["pos", "phone"],), returns=True),
)
def is_not(given: Any | None, *value: Any) -> bool:
    """Ask whether it equals none of these; nothing equals none."""
    return not _among(given, value)


@predicate(
    Example(["vip"], ("vip",), returns=True),
    Example(["vip"], ("VIP",), returns=False),
    Example(None, ("vip",), returns=False),
)
def has(values: list[Any] | None, value: Any) -> bool:
    """Ask whether a list contains the value."""
    return any(_among(one, (value,)) for one in values or ())


def _text(value: Any) -> str:
    if type(value) is int and abs(value) < 10**amounts.LONGEST:
        return str(value)
    if type(value) is not str:
        raise Refused(f"found {name_of(value)}, wanted text or a whole number", "wrong_kind")
    return value


def _mark(mark: str) -> str:
    if not mark:
        raise Refused("found a mark without a character, wanted one such as ','", "missing")
    return mark


def _nothing(value: Any) -> bool:
    return value is None or blank(value)


def _filled(values: Iterable[Any]) -> Iterator[Any]:
    return (one for one in values if not _nothing(one))


def _equal(left: Any, right: Any) -> bool:
    return same(left, right) and not isinstance(left, (list, dict))


def _among(value: Any, wanted: Iterable[Any]) -> bool:
    if value is None or blank(value) or isinstance(value, (list, dict)):
        return False
    for one in wanted:
        if isinstance(one, list):  # as settings can be
            if any(same(value, inner) for inner in one):
                return True
        elif same(value, one):
            return True
    return False


def _like(value: Any, pattern: Any) -> bool:
    """Whether *value* equals *pattern*, or in text follows it: ``*`` stands for any text."""
    if not isinstance(value, str) or not isinstance(pattern, str):
        return _equal(value, pattern)
    text = value.strip().casefold()
    head, *parts = pattern.strip().casefold().split("*")
    if not parts:
        return text == head
    *middle, tail = parts
    at, end = len(head), len(text) - len(tail)
    if at > end or not text.startswith(head) or not text.endswith(tail):
        return False
    # The first place of each part leaves the most for the rest, so nothing is tried twice.
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


#: By the names that mapping files use.
BUILT_IN: Mapping[str, Function] = {
    **read_functions(vars(amounts)),
    **read_functions(globals()),
    **read_functions(vars(moments)),
}
