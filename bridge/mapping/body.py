"""Read the body of a webhook: JSON with exact numbers, a form as texts, or a token's claims."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from bridge import compact, exact
from bridge.causes import Code
from bridge.errors import BodyUnreadable
from bridge.kinds import Refused
from bridge.mapping.expression import Every, Indexed, Named, Path
from bridge.mapping.source import Source
from bridge.types import InboundRequest, Problem

_FORM = "application/x-www-form-urlencoded"


def read_body(request: InboundRequest, *, token: bool = False) -> Any:
    """
    Read a body: JSON with exact numbers, or a form as texts, by its content type.

    Args:
        token: The body is a signed token, whose claims are read whatever the content type.
            Verification asks for one; here its claims may also stand alone, as people write them.

    Raises:
        BodyUnreadable: It is neither; with the place where reading stopped.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    code: Code
    try:
        if token:
            found = compact.parts(request.body.decode("utf-8-sig"))
            return exact.read((compact.decode(found[1]) or b"").decode() if found else request.body)
        if kind == _FORM:
            text = request.body.decode("utf-8-sig")
            return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)))
        return exact.read(request.body)
    except UnicodeDecodeError as error:
        problem = f"found a body that is no UTF-8 from byte {error.start}, wanted JSON"
        code = "not_unicode"
    except json.JSONDecodeError as error:
        problem = f"found no JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        code = "not_json"
    except RecursionError:
        problem, code = "found JSON nested too deeply to read", "too_deep"
    except Refused as refused:
        problem, code = str(refused), refused.code
    except (ValueError, ArithmeticError):  # what they say can hold a part of the body
        problem, code = "found a number that is too long to read", "too_long"
        if kind == _FORM:
            problem, code = "found a form with a field that has no '='", "not_form"
    raise BodyUnreadable([Problem("", 0, 0, problem, "body", code=code)])


def parsed(source: Source, body: Any) -> Any:
    """
    Replace the texts that `parse` names by the JSON in them.

    Raises:
        BodyUnreadable: One of them is no JSON.
    """
    for path in source.parse:
        body = _replace(body, path, 0)
    return body


def _replace(value: Any, path: Path, at: int) -> Any:
    if at == len(path.steps):
        if not isinstance(value, str):
            return value
        try:
            return exact.read(value)
        except (ValueError, ArithmeticError, RecursionError, Refused):
            problem = "found text that is no JSON, where `parse` wants some"
            raise BodyUnreadable([Problem("", 0, 0, problem, "body", code="not_json")]) from None
    step = path.steps[at]
    if isinstance(step, Named) and isinstance(value, dict) and step.name in value:
        return {**value, step.name: _replace(value[step.name], path, at + 1)}
    if isinstance(step, Indexed | Every) and isinstance(value, list):
        return [
            _replace(one, path, at + 1) if isinstance(step, Every) or step.index == n else one
            for n, one in enumerate(value)
        ]
    return value
