"""No proof at all, on purpose: a webhook is then a hint, and only what is fetched is believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class NothingScheme:
    """Why a platform's webhooks cannot be proven."""

    engine: ClassVar[str] = "none"

    because: str

    def __post_init__(self) -> None:
        if not self.because.strip():
            raise ValueError("taking a webhook from anyone wants a reason")
