"""A file is replaced whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ledger_pipelines.files import replaced


def test_a_failure_leaves_the_good_file_and_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "march.csv"
    file.write_text("good")

    def write_half() -> None:
        with replaced(file) as beside:
            assert beside.parent == tmp_path
            beside.write_bytes(b"half")
            beside.write_text("Łódź", encoding="ascii")

    with pytest.raises(UnicodeEncodeError):
        write_half()
    assert file.read_text() == "good"
    assert list(tmp_path.iterdir()) == [file]


def test_a_new_file_has_the_usual_permissions_and_a_replaced_one_its_own(tmp_path: Path) -> None:
    usual, new, old = (tmp_path / name for name in ("usual", "new", "old"))
    usual.touch()
    old.touch()
    old.chmod(0o640)
    for file in (new, old):
        with replaced(file) as beside:
            beside.write_bytes(b"x")
    assert new.stat().st_mode == usual.stat().st_mode
    assert old.stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link_and_what_is_no_file_is_written_directly(tmp_path: Path) -> None:
    file, link, pipe = tmp_path / "file", tmp_path / "link", tmp_path / "pipe"
    file.write_text("old")
    link.symlink_to(file)
    with replaced(link) as beside:
        beside.write_text("new")
    assert link.is_symlink()
    assert file.read_text() == "new"
    os.mkfifo(pipe)
    with replaced(pipe) as beside:
        assert beside == pipe


def test_a_folder_that_is_none_or_is_in_the_way_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replaced(tmp_path / "none" / "file"):
        pass
    with pytest.raises(IsADirectoryError), replaced(tmp_path):
        pass
