"""The table of what is supported says of every platform how far it may be trusted."""

from __future__ import annotations

from dataclasses import replace

from bridge.load import Loaded
from bridge.pages import support_matrix


def row(matrix: str, name: str) -> list[str]:
    line = next(one for one in matrix.splitlines() if one.startswith(f"| [{name}]("))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_row_says_what_its_file_rests_on_and_that_it_is_experimental(loaded: Loaded) -> None:
    one = replace(
        loaded.checked.sources["shopify"],
        name="Acme",
        rests_on="third-party code",
        experimental=False,
    )

    proven = row(support_matrix({"acme": one}), "Acme")
    tried = row(support_matrix({"acme": replace(one, experimental=True)}), "Acme")

    assert proven[-1] == "third-party code"
    assert tried[-1] == "third-party code, experimental"
    assert tried[:-1] == proven[:-1]
