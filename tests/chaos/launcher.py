"""
Start the bridge with a clock and a disk that the harness can spoil.

The bridge has no such switch, and needs none: this module replaces `time.time`,
`datetime.datetime` and the connections of `sqlite3` before the bridge is imported, also in the
workers that it spawns, since they import the main module again.  Monotonic clocks are left
alone, as a step of the system's clock leaves them.

Two files in the folder named by CHAOS_FOLDER are looked at: ``clock`` holds the seconds that
the clock is off, and while ``readonly`` exists, nothing can be written into a SQLite journal.
"""

from __future__ import annotations

import datetime
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

_FOLDER = Path(os.environ["CHAOS_FOLDER"])
_true_time = time.time
_true_datetime = datetime.datetime
_true_connect = sqlite3.connect


def _off() -> float:
    try:
        return float((_FOLDER / "clock").read_text())
    except (OSError, ValueError):
        return 0.0


def _time() -> float:
    return _true_time() + _off()


class _Kind(type):
    """Every moment is one of ours, whoever made it."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _true_datetime)


class _Datetime(_true_datetime, metaclass=_Kind):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        return _true_datetime.now(tz) + datetime.timedelta(seconds=_off())


class _Connection(sqlite3.Connection):
    """As if the file system had become read-only: reading goes on, writing fails."""

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql.startswith("BEGIN"):
            spoiled = (_FOLDER / "readonly").exists()
            super().execute(f"PRAGMA query_only = {'ON' if spoiled else 'OFF'}")
            if spoiled and sql.startswith("BEGIN IMMEDIATE"):
                raise sqlite3.OperationalError("attempt to write a readonly database")
        return super().execute(sql, *values)


def _connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
    made: sqlite3.Connection = _true_connect(*arguments, **{"factory": _Connection, **options})
    return made


time.time = _time
setattr(datetime, "datetime", _Datetime)  # noqa: B010 - a type is not assigned otherwise
setattr(sqlite3, "connect", _connect)  # noqa: B010

if __name__ == "__main__":
    from bridge.cli import main

    main()
