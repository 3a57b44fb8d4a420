"""
JSON with exact numbers: what has a point or an exponent is a Decimal, written as it is.

`msgspec` reads and writes it.  What it refuses is left to `json` of the standard library, which
takes half a surrogate pair, as platforms send it where they have cut a text, and says in which
line and column it found no JSON.
"""

from __future__ import annotations

import codecs
import json
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

from bridge.kinds import Refused

_reader = msgspec.json.Decoder(float_hook=Decimal)
_writer = msgspec.json.Encoder(decimal_format="number")
_sorting_writer = msgspec.json.Encoder(decimal_format="number", order="sorted")


def read(text: bytes | str) -> Any:
    """
    Read JSON; of a name that stands twice in an object, the last one counts.

    Args:
        text: Bytes are UTF-8, and a byte order mark before them is ignored, as RFC 8259 allows.

    Raises:
        UnicodeDecodeError: It is no UTF-8.
        json.JSONDecodeError: It is no JSON.
        Refused: It holds NaN or Infinity, which JSON does not know.
        ValueError, ArithmeticError: A number in it is too long.
        RecursionError: It is nested too deeply.
    """
    try:
        return _reader.decode(text.removeprefix(codecs.BOM_UTF8) if type(text) is bytes else text)
    except (msgspec.DecodeError, ValueError, ArithmeticError, RecursionError):
        pass  # below it is read all the same, or told why not
    plain = text.decode("utf-8-sig") if isinstance(text, bytes) else text
    return json.loads(plain, parse_float=Decimal, parse_constant=_refuse)


def write(value: Any) -> bytes:
    """
    Write JSON in UTF-8 without white space, names in their order.

    Args:
        value: Objects, lists, text, numbers, truth and None.

    Raises:
        ValueError: A Decimal in it is no finite number.
    """
    try:
        return _finite(_writer.encode(value))
    except UnicodeEncodeError:
        return _escaped(value).encode()


def canonical(value: Any) -> bytes:
    """
    Write JSON as `write` does, names sorted: what is equal is the same bytes in every release.

    Raises:
        ValueError: A Decimal in it is no finite number, or a text holds half a surrogate pair.
    """
    return _finite(_sorting_writer.encode(value))


def _finite(text: bytes) -> bytes:
    """Refuse a Decimal that is no number: only where such a word stands in it, reading it tells."""
    if b"NaN" in text or b"Infinity" in text:
        try:
            _reader.decode(text)
        except msgspec.DecodeError:
            raise ValueError("found a Decimal that is no finite number") from None
    return text


def _escaped(value: Any) -> str:
    """Write what UTF-8 cannot hold: half a surrogate pair, as its escape."""
    if isinstance(value, dict):
        return (
            f"{{{','.join(f'{json.dumps(name)}:{_escaped(one)}' for name, one in value.items())}}}"
        )
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_escaped, value))}]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def _refuse(constant: str) -> NoReturn:
    raise Refused(f"found {constant}, which is no JSON number", "not_json")
