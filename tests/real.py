"""Real payloads and deliveries, which lie beside the repository and are not part of it."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared"
CORPUS = SHARED / "corpus"
CAPTURED = SHARED / "captured"


def needs(folder: Path) -> pytest.MarkDecorator:
    """Skip where the real data is absent, and say so."""
    return pytest.mark.skipif(
        not folder.is_dir(), reason=f"real data is not here: ../{folder.relative_to(SHARED.parent)}"
    )
