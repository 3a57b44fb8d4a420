"""The `[settings]` of a mapping file: what a store may set, and how its values are checked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from bridge import kinds
from bridge.fields import read_number
from bridge.kinds import BOOLEAN, LIST, NUMBER, TEXT, Kind, Refused
from bridge.mapping.compile import Namespace, nearest
from bridge.mapping.lines import Node, Table, plain
from bridge.types import Problem

_SIMPLE = TEXT | NUMBER | BOOLEAN | LIST
_KEYS = ("default", "about", "one_of", "required")


@dataclass(frozen=True, slots=True)
class Rule:
    """One setting."""

    name: str
    about: str
    default: Any = None
    one_of: tuple[str, ...] = ()
    required: bool = False
    wrong: Callable[[str], str] | None = None  #: what was wanted of a text, or "" when it is right

    @property
    def kind(self) -> Kind:
        """What its value can be: what its default is, text where it has none."""
        if self.default is None:
            return TEXT
        kind = type(self.default)
        return NUMBER if kind in NUMBER else frozenset({kind})


Rules = Mapping[str, Rule]


def read_rules(node: Node | None, problems: list[Problem]) -> Rules:
    """Read a `[settings]` table; what is wrong with it is added to *problems*."""
    if node is None:
        return {}
    if not isinstance(node, Table):
        problems.append(node.place.problem("wanted a table: [settings]"))
        return {}
    return {name: _rule(name, entry, problems) for name, entry in node.entries.items()}


def _rule(name: str, node: Node, problems: list[Problem]) -> Rule:
    if not isinstance(node, Table):
        problems.append(
            node.place.problem("wanted a table: { default = ..., about = '...' }", field=name)
        )
        return Rule(name, "")
    for key, place in node.places.items():
        if key not in _KEYS:
            close = nearest(key, _KEYS) or f"; a setting has {', '.join(_KEYS)}"
            problems.append(place.problem(f"'{key}' is no part of a setting{close}", field=name))
    values = plain(node)
    about, default, required = values.get("about"), values.get("default"), values.get("required")
    one_of = values.get("one_of", [])

    def wrong(key: str, message: str) -> None:
        problems.append(node.places.get(key, node.place).problem(message, field=name))

    if not isinstance(about, str) or not about.strip():
        wrong("about", "`about` is missing: one sentence")
    if not isinstance(one_of, list) or not all(isinstance(one, str) for one in one_of):
        wrong("one_of", "`one_of` wants a list of texts")
        one_of = []
    if required is not None and not isinstance(required, bool):
        wrong("required", "`required` wants true or false")
    rule = Rule(name, str(about or ""), default, tuple(one_of), required is True)
    if required is True and default is not None:
        wrong("required", "a setting with a default is never missing: leave `required` out")
    if default is not None and (message := _not_simple(default) or check(rule, default)):
        wrong("default", f"`default`: {message}")
        return replace(rule, default=None)
    return rule


def namespace(rules: Rules) -> Namespace:
    """Make the namespace `setting` of these rules."""
    return Namespace(
        names={name: rule.kind for name, rule in rules.items()},
        choices={name: rule.one_of for name, rule in rules.items() if rule.one_of},
        about="declared in [settings]",
    )


def read_values(
    rules: Rules, node: Node | None, of: str, problems: list[Problem], *, what: str = "settings"
) -> Mapping[str, Any]:
    """
    Read what a store sets; unknown names and wrong values are added to *problems*.

    Args:
        of: Whose settings they are, for messages.
        what: The name of the table.
    """
    if node is not None and not isinstance(node, Table):
        told = "wanted a table: { name = value }"
        problems.append(node.place.problem(told, field=what))
        return {}
    given: dict[str, Any] = {}
    for name, entry in node.entries.items() if node else ():
        if name not in rules:
            close = nearest(name, list(rules)) or _known(rules)
            place = node.places[name] if node else entry.place
            problems.append(place.problem(f"{of} has no {what.removesuffix('s')} '{name}'{close}"))
        elif wrong := check(rules[name], value := plain(entry)):
            problems.append(entry.place.problem(wrong, field=name))
        else:
            given[name] = value
    return given


def filled(rules: Rules, given: Mapping[str, Any]) -> dict[str, Any]:
    """Give every setting its value: what the store sets, else the default, else nothing."""
    return {name: given.get(name, rule.default) for name, rule in rules.items()}


def said(node: Node | None) -> Collection[str]:
    """Name what a store sets, rightly or wrongly."""
    return node.entries if isinstance(node, Table) else ()


def missing(rules: Rules, given: Collection[str]) -> Sequence[str]:
    """Name the required settings that are not among those *given*."""
    return [name for name, rule in rules.items() if rule.required and name not in given]


def check(rule: Rule, value: Any) -> str:
    """Say what is wrong with *value*, or nothing."""
    if wrong := _not_simple(value):
        return wrong
    if type(value) not in rule.kind:
        return _unlike(value, rule.kind)
    chosen = value if isinstance(rule.default, list) else [value]
    if rule.one_of and not chosen:
        return f"found an empty list, wanted at least one of {', '.join(rule.one_of)}"
    if rule.one_of and any(one not in rule.one_of for one in chosen):
        return f"wanted one of {', '.join(rule.one_of)}"
    return rule.wrong(value) if rule.wrong is not None else ""


def _not_simple(value: Any) -> str:
    """Say why *value* is none that any setting can have, or nothing."""
    if isinstance(value, list) and any(type(one) not in _SIMPLE - LIST for one in value):
        return "found something else in the list, wanted texts or numbers"
    if isinstance(value, Decimal) and not value.is_finite():
        return "found no number, wanted one such as 1.5"
    return "" if type(value) in _SIMPLE else _unlike(value, _SIMPLE)


def _unlike(value: Any, wanted: Kind) -> str:
    found = kinds.name(frozenset({type(value)})) if type(value) in kinds.ANY else "something else"
    return f"found {found}, wanted {kinds.name(wanted)}"


def read_text(rules: Rules, name: str, text: str) -> Any:
    """
    Read a setting that was given as text, on a command line.

    Raises:
        ValueError: There is no such setting, or the text is none of its values.
    """
    rule = rules.get(name)
    if rule is None:
        raise ValueError(
            f"there is no setting '{name}'{nearest(name, list(rules)) or _known(rules)}"
        )
    value: Any = text
    if isinstance(rule.default, bool):
        if text not in ("true", "false"):
            raise ValueError(f"setting '{name}' wants true or false")
        value = text == "true"
    elif isinstance(rule.default, list):
        value = [part.strip() for part in text.split(",") if part.strip()]
    elif isinstance(rule.default, int | Decimal):
        try:
            value = int(text) if text.isdecimal() else read_number(text)
        except Refused:
            raise ValueError(f"setting '{name}' wants a number such as 1.5") from None
    if wrong := check(rule, value):
        raise ValueError(f"setting '{name}': {wrong}")
    return value


def _known(rules: Rules) -> str:
    return f"; it has {', '.join(rules)}" if rules else "; it has none"
