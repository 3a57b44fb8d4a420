"""
Encrypt what a journal keeps of a webhook, with keys that lie elsewhere.

Source: https://cryptography.io/en/latest/fernet/ (AES-128-CBC and HMAC-SHA256, several keys)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class Cipher:
    """
    Seals with the newest key and opens with any.

    Args:
        keys: As `new_key` makes them, newest first; at least one.

    Raises:
        ValueError: One of them is no key.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        #: What the journal calls each key: nothing of the key can be told from it.
        self.names = tuple(hashlib.sha256(key.encode()).hexdigest()[:12] for key in keys)

    @property
    def newest(self) -> str:
        """The name of the key that seals."""
        return self.names[0]

    def seal(self, plain: bytes) -> bytes:
        """Encrypt."""
        return self._fernet.encrypt(plain)

    def open(self, sealed: bytes) -> bytes | None:
        """Decrypt; None when no key fits."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            return None


def cipher_of(keys: Sequence[str]) -> Cipher | None:
    """Make a cipher, or none without keys."""
    return Cipher(keys) if keys else None


def new_key() -> str:
    """Make a key from the system's source of randomness."""
    return Fernet.generate_key().decode()


def is_key(text: str) -> bool:
    """Whether *text* is a key as `new_key` makes them."""
    try:
        Fernet(text)
    except ValueError:
        return False
    return True
