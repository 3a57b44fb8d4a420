"""
Find the folder in which the workers of one machine hold their locks.

It lies on this machine, whatever machine the database lies on: a lock that the kernel keeps is
how the death of a neighbour is seen at once.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from bridge.errors import JournalUnusable


def workers_folder(secret: bytes) -> Path:
    """
    Make the folder, for nobody but this user, or find it.

    Args:
        secret: The journal's own; the folder is named after it, and does not tell it.

    Raises:
        JournalUnusable: Somebody else has put something in its place.
    """
    own = Path(tempfile.gettempdir()) / f"webhook-bridge-{os.geteuid()}"
    folder = own / hashlib.sha256(b"workers\0" + secret).hexdigest()[:16]
    for path in (own, folder):
        try:
            path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise JournalUnusable(
                f"{path}, where the bridge's processes hold their locks, cannot be made: "
                f"{error.strerror}. Give a folder that can be written in TMPDIR"
            ) from None
        found = path.lstat()
        open_to_others = stat.S_IMODE(found.st_mode) & 0o077
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or open_to_others:
            raise JournalUnusable(
                f"{path}, where the bridge's processes hold their locks, belongs to somebody else "
                "or is open to others. Remove it, or give another folder in TMPDIR"
            )
    return folder
