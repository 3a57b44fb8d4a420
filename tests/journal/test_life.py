"""
A worker is certainly dead when its machine was restarted, or when its lock is free here.

Whatever else is known of it, only silence over many looks of one observer proves it gone.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from bridge.journal.life import Seen, hold, host_of, is_dead, lock_path

HERE = "machine boot 1:2"


def seen(host: str = HERE) -> Seen:
    return Seen(id=1, host=host, beat=0, gone=0)


def test_a_worker_that_holds_its_lock_lives(tmp_path: Path):
    with closing(hold(tmp_path, 1)):
        assert not is_dead(tmp_path, HERE, seen())


def test_a_worker_whose_lock_is_free_is_dead(tmp_path: Path):
    hold(tmp_path, 1).close()

    assert is_dead(tmp_path, HERE, seen())


def test_to_look_does_not_take_the_lock(tmp_path: Path):
    hold(tmp_path, 1).close()
    is_dead(tmp_path, HERE, seen())

    hold(tmp_path, 1).close()


def test_without_a_file_nothing_is_certain(tmp_path: Path):
    assert not is_dead(tmp_path, HERE, seen())


@pytest.mark.parametrize(
    ("host", "dead"),
    [
        ("machine another-boot 1:2", True),
        ("machine another-boot 7:7", True),
        ("machine boot 7:7", False),
        ("another boot 1:2", False),
        ("another another-boot 1:2", False),
        ("- another-boot 1:2", False),
        ("machine - 1:2", False),
    ],
)
def test_only_another_boot_of_the_same_machine_is_certain_death(tmp_path: Path, host, dead):
    """Its lock would be free: on another machine, or in another folder, that proves nothing."""
    hold(tmp_path, 1).close()

    assert is_dead(tmp_path, HERE, seen(host)) == dead


def test_two_unknown_machines_are_not_the_same(tmp_path: Path):
    assert not is_dead(tmp_path, "- boot 1:2", seen("- another-boot 1:2"))


def test_a_folder_is_known_by_what_it_is_and_not_by_its_path(tmp_path: Path):
    folder, other, link = tmp_path / "a", tmp_path / "b", tmp_path / "link"
    folder.mkdir()
    other.mkdir()
    link.symlink_to(folder)

    assert host_of(folder) == host_of(link)
    assert host_of(folder) != host_of(other)
    assert len(host_of(folder).split(" ")) == 3


def test_the_lock_is_where_observers_look(tmp_path: Path):
    hold(tmp_path, 12).close()

    assert lock_path(tmp_path, 12).exists()
