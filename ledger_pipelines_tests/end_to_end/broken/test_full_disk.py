"""A disk that is full under a command: a sentence, and the good file that was there stays as it was.

The system's limit on a file's size stands for the full disk: writing fails in the middle just so, for whatever user.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_pipelines.sandbox.server import Sandbox
from ledger_pipelines_tests.end_to_end.broken.test_database import in_a_sentence
from ledger_pipelines_tests.end_to_end.harness import Done, Ledger

#: Bytes; the files of the ledger's own home are smaller.
LIMIT = 5_000
_LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
from ledger_pipelines.cli import main
sys.argv = ["ledger", *sys.argv[1:]]
main()
"""


def _limited(ledger: Ledger, limit: int, *arguments: str, **variables: str) -> Done:
    """The command where no file may become larger than so many bytes."""
    with ledger.python("-c", _LIMITED.format(limit=limit), *arguments, **variables) as running:
        return running.finished()


def test_an_export_to_a_full_disk_leaves_the_good_file(ledger: Ledger, tmp_path: Path) -> None:
    for name in ("statements.csv", "accruals.xlsx"):
        output = tmp_path / name
        arguments = ("export", output.stem, "--month", "2025-03", "-o", str(output))
        assert ledger(*arguments).code == 0
        good = output.read_bytes()
        assert len(good) > LIMIT
        told = in_a_sentence(_limited(ledger, LIMIT, *arguments))
        assert told == f"{output} cannot be written: File too large; choose another file with -o."
        assert output.read_bytes() == good
    assert len([path for path in tmp_path.iterdir() if path.is_file()]) == 2


def test_an_export_to_a_device_that_is_full_is_told(ledger: Ledger) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    for form in ("csv", "xlsx"):
        done = ledger("export", "statements", "--month", "2025-03", "--format", form, "-o", "/dev/full")
        assert (
            in_a_sentence(done)
            == "/dev/full cannot be written: No space left on device; choose another file with -o."
        )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB, where one may be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    mounting = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


def test_a_home_on_a_full_disk_is_told_and_its_books_hold(small_disk: Path, sandbox: Sandbox) -> None:
    """The embedded server needs some forty megabytes before it holds anything."""
    ledger = Ledger(small_disk / "home")
    ledger.use_all(sandbox)
    done = ledger("close", "2025-03")
    assert in_a_sentence(done)
