"""
Open the file that a journal lies in, create it, and refuse what is no journal of ours.

The file is never opened but through SQLite: closing it otherwise would drop the locks of every
connection of this process.
Source: https://www.sqlite.org/howtocorrupt.html (section 2.2)
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path

from bridge.errors import JournalUnavailable, JournalUnusable
from bridge.journal.sqlite.turns import Turns

SCHEMA = 2  #: the version that this program reads and writes

_OURS = 0x62726A31  # application_id: "brj1"
_PREFIX = "sqlite:///"
_SECRET_LENGTH = 32
#: Larger files are not read through at start, because it would take seconds.
_CHECKED_UP_TO = 64 * 2**20
_UNWRITABLE = ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_FULL", "SQLITE_IOERR")
#: For each connection.  What falls out of it is still in the system's own: with five million entries
#: four times as much is no faster.
_CACHE_KIB = 16 * 1024


def path_of(url: str) -> Path:
    """
    Read the file's whole path out of ``sqlite:///relative`` or ``sqlite:////absolute``.

    Raises:
        JournalUnusable: It is another kind of URL.
    """
    path = url.removeprefix(_PREFIX)
    if path == url or not path or "?" in path:
        raise JournalUnusable(
            f"the journal's address is {url.partition(':')[0]!r} something; "
            "wanted sqlite:///folder/journal.db, or sqlite:////folder/journal.db from the root"
        )
    return Path(path).resolve()


def workers_folder(path: Path) -> Path:
    """Name the folder beside the journal in which processes hold their locks."""
    return path.with_name(f"{path.name}.workers")


def prepare(path: Path, wait: float) -> bytes:
    """
    See that a usable journal lies at *path*, and give its secret.

    Args:
        wait: Seconds that another process may take to create it, or to write.

    Raises:
        JournalUnusable: It is damaged, newer, not ours, or cannot be written here.
        JournalUnavailable: Another process does not let go of it.
    """
    folder = workers_folder(path)
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            _refuse_what_is_no_journal(path, wait)
        folder.mkdir(mode=0o700, exist_ok=True)
        with closing(Turns(folder)) as turns:
            with turns.turn(wait):
                if not path.exists():
                    _create(path)
            with closing(connect(path, wait=wait)) as db:
                secret = _checked(path, db)
                # What can only be read must be found before the first webhook finds it.
                with turns.turn(wait):
                    # A copy made by SQLite itself has left this mode.
                    db.execute("PRAGMA journal_mode = WAL")
                    _migrate(db)
    return secret


def _migrate(db: sqlite3.Connection) -> None:
    """
    Bring a journal of an older program to this one's schema, or leave it as it was.

    A program of the older schema that still runs beside this one goes on as before: steps add
    tables and columns, and take nothing away that it uses.
    """
    db.execute("PRAGMA synchronous = FULL")
    db.execute("BEGIN IMMEDIATE")
    try:
        (version,) = db.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
        for step in range(version + 1, SCHEMA + 1):
            for statement in _statements(f"sqlite-{step}.sql"):
                db.execute(statement)
            db.execute("UPDATE meta SET value = ? WHERE name = 'schema'", (step,))
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def _create(path: Path) -> None:
    """Write a complete journal under another name first: half a file must never be found."""
    for left in (path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        if left.exists():
            raise JournalUnusable(
                f"{path} is missing, but {left.name} is there: the journal was moved without it. "
                f"Bring the file back, or move {left.name} away to begin an empty journal"
            )
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(new, isolation_level=None)) as db:
        # Synced once, when it is complete.
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute(f"PRAGMA application_id = {_OURS}")
        db.execute("BEGIN")
        for statement in _statements("sqlite.sql"):
            db.execute(statement)
        db.execute(
            "INSERT INTO meta (name, value) VALUES ('schema', ?), ('secret', ?), ('syncs', 0)",
            (SCHEMA, os.urandom(_SECRET_LENGTH)),
        )
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode = WAL")
    _fsync(new)
    new.rename(path)
    _fsync(path.parent)


def _fsync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _statements(name: str) -> list[str]:
    text = (resources.files("bridge.journal") / "sql" / name).read_text(encoding="utf-8")
    bare = "\n".join(line.partition("--")[0] for line in text.splitlines())
    return [statement for statement in bare.split(";") if statement.strip()]


def _refuse_what_is_no_journal(path: Path, wait: float) -> None:
    if not path.is_file():
        raise JournalUnusable(f"{path} is no file; wanted the journal, or nothing at all")
    if path.stat().st_size == 0:
        raise JournalUnusable(
            f"{path} is empty, which no journal ever is. Restore it from a backup, "
            "or move it away to begin an empty journal"
        )
    with closing(connect(path, wait=wait)) as db:
        (owner,) = db.execute("PRAGMA application_id").fetchone()
    if owner != _OURS:
        raise JournalUnusable(
            f"{path} is a database of something else and no journal; "
            "give the journal an address of its own"
        )


def _checked(path: Path, db: sqlite3.Connection) -> bytes:
    meta = dict(db.execute("SELECT name, value FROM meta WHERE name IN ('schema', 'secret')"))
    version, secret = meta.get("schema"), meta.get("secret")
    if not isinstance(version, int) or not isinstance(secret, bytes):
        raise sqlite3.DatabaseError("its table meta is incomplete")
    if version > SCHEMA:
        raise JournalUnusable(
            f"the journal {path} has schema {version} and this program knows {SCHEMA}: "
            "a newer version of the bridge has written it. Start that version"
        )
    if path.stat().st_size <= _CHECKED_UP_TO:
        (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
    return secret


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Say in our own words why the journal cannot be opened, and what to do."""
    try:
        yield
    except OSError as error:
        raise _unwritable(path, f"{error.strerror}: {error.filename or path}") from error
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise JournalUnavailable(f"the journal {path} is locked by another program") from error
        if name == "SQLITE_NOTADB":
            raise JournalUnusable(
                f"{path} is no journal: it is not a SQLite database; "
                "give the journal an address of its own"
            ) from error
        if name.startswith(_UNWRITABLE):
            raise _unwritable(path, str(error)) from error
        raise JournalUnusable(
            f"the journal {path} is damaged ({error}). Move it away with its -wal file, "
            "and restore a backup, or save what can be read with: sqlite3 FILE .dump"
        ) from error


def _unwritable(path: Path, reason: str) -> JournalUnusable:
    return JournalUnusable(
        f"the journal {path} cannot be opened and written: {reason}. Its folder and the file must "
        "belong to the bridge's user and be writable, and there must be free disk space"
    )


def connect(path: Path, *, wait: float, readonly: bool = False) -> sqlite3.Connection:
    """
    Open one connection to an existing journal; it is used by one thread at a time.

    Args:
        wait: Seconds to wait for locks of other programs.
        readonly: Nothing is written through it.
    """
    db = sqlite3.connect(
        f"{path.as_uri()}?mode=rw",
        uri=True,
        timeout=wait,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        db.execute("PRAGMA synchronous = NORMAL")
        # What is deleted is written over, and not only forgotten.
        db.execute("PRAGMA secure_delete = ON")
        if readonly:
            db.execute("PRAGMA query_only = ON")
    except BaseException:
        db.close()
        raise
    return db
