"""The contracts that others wrote from the vendors' pages, and the pages; skips without them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

SHARED = Path(__file__).resolve().parents[3] / "shared"


@dataclass(frozen=True, slots=True)
class Contract:
    """The OpenAPI file of one vendor."""

    spec: Mapping[str, Any]

    @property
    def components(self) -> Mapping[str, Any]:
        schemas: Mapping[str, Any] = self.spec["components"]["schemas"]
        return schemas

    def validator(self, schema: str) -> Draft202012Validator:
        """Hold something against one of the schemas; dates and addresses are looked at too."""
        return Draft202012Validator(
            {"$ref": f"#/components/schemas/{schema}", "components": self.spec["components"]},
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        )

    def examples(self, path: str) -> list[Any]:
        """The bodies that the contract shows for a path."""
        content = self.spec["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        return [example["value"] for example in content["examples"].values()]

    def schema_of(self, path: str, status: int) -> str | None:
        """Name the schema of an answer; None where the contract has the status without one."""
        answer = self.spec["paths"][path]["post"]["responses"][str(status)]
        content = answer.get("content", {}).get("application/json")
        return content["schema"]["$ref"].rpartition("/")[2] if content else None


def contract(vendor: str) -> Contract:
    """Read the contract of a vendor, or skip the whole module."""
    file = SHARED / "destinations" / f"{vendor}.openapi.yaml"
    if not file.exists():
        pytest.skip(
            "the contract is kept beside the repository, and is not here", allow_module_level=True
        )
    return Contract(yaml.safe_load(file.read_text(encoding="utf-8")))


def published(page: str) -> list[Any]:
    """Every JSON document on a reference page, in its order."""
    (file,) = (SHARED / "reference").glob(f"{page}_*.txt")
    text, found, at = file.read_text(encoding="utf-8"), [], 0
    while (start := next((one for one in _starts(text) if one >= at), None)) is not None:
        try:
            document, at = json.JSONDecoder().raw_decode(text, start)
        except ValueError:
            at = start + 1
        else:
            found.append(document)
    return found


def _starts(text: str) -> list[int]:
    lines = text.splitlines(keepends=True)
    places = [sum(map(len, lines[:number])) for number in range(len(lines))]
    return [place for place in places if text[place] in "{["]
