"""Failures in the shared suite are explained like those of any test."""

from __future__ import annotations

import pytest

for module in (
    "given",
    "receiving",
    "taking",
    "settling",
    "finishing",
    "living",
    "asking",
    "forgetting",
):
    pytest.register_assert_rewrite(f"tests.journal.{module}")
