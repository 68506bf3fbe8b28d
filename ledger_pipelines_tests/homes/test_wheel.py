"""The wheel, installed where there is no checkout, in a folder with a name of a person's."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile
from datetime import date
from pathlib import Path

import dagster
import pytest

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.registry import environment
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines_tests.end_to_end.harness import Running, eventually, free_ports

_PROJECT = Path(__file__).resolve().parents[2]
_CONFIG = SandboxConfig(until=date(2025, 12, 31), companies=2, students=5, invoices=10, rate_limit=None)

_COMMANDS = (
    "migrate",
    "close 2025-12",
    "export statements --month 2025-12",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _run(folder, sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=_PROJECT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel, beside what this one has installed; without this checkout."""
    place = tmp_path_factory.mktemp("it's My Projects & more")
    _run(place, sys.executable, "-m", "uv", "venv", "--offline", "--python", sys.executable, "venv")
    python = str(place / "venv" / "bin" / "python")
    _run(
        place,
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--offline",
        "--no-deps",
        "--python",
        python,
        str(wheel),
    )
    (packages,) = (place / "venv" / "lib").glob("python*/site-packages")
    # A path alone: of its own path files, one leads to the checkout.
    (packages / "dependencies.pth").write_text(f"{Path(dagster.__file__).parents[1]}\n")
    return place / "venv" / "bin"


def test_the_wheel_has_what_stands_beside_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for file in (_PROJECT / "sql").glob("*.sql"):
        assert f"ledger_pipelines/_sql/{file.name}" in names
    for name in ("dagster.yaml", "workspace.yaml", "pyproject.toml"):
        assert f"ledger_pipelines/_project/{name}" in names


@pytest.mark.timeout(240)
def test_the_installed_wheel_migrates_and_closes_a_month(installed: Path, tmp_path: Path) -> None:
    with running_sandbox(_CONFIG) as sandbox:
        variables = environment(sandbox.base_url)
        where = _run(
            tmp_path,
            str(installed / "python"),
            "-B",
            "-c",
            "import ledger_pipelines as it; print(it.__file__)",
        )
        assert Path(where.strip()).is_relative_to(installed.parent)
        for command in _COMMANDS:
            out = _run(tmp_path, str(installed / "ledger"), *command.split(), **variables)
        assert "2025-12" in out


@pytest.mark.timeout(240)
def test_the_installed_wheel_comes_up_and_stops(installed: Path, tmp_path: Path) -> None:
    port, console = free_ports(2)
    out, err = tmp_path / "out", tmp_path / "err"
    with out.open("wb") as out_stream, err.open("wb") as err_stream:
        process = subprocess.Popen(
            [str(installed / "ledger"), "up", "--dagster-port", str(port), "--port", str(console)],
            cwd=tmp_path,
            env=_environment(tmp_path),
            stdout=out_stream,
            stderr=err_stream,
            start_new_session=True,
        )
    running = Running(process, out, err, time.monotonic())
    try:
        eventually(lambda: running.says("Ctrl-C stops everything."), seconds=150, what="the start")
        running.interrupt()
        done = running.finished(seconds=60)
    finally:
        process.kill()
    assert (done.code, done.err) == (0, "")


def _run(folder: Path, *arguments: str, cwd: Path | None = None, **variables: str) -> str:
    done = subprocess.run(
        arguments,
        cwd=cwd or folder,
        env=_environment(folder) | variables,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, (arguments, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of the tests' own that leads to the checkout."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "LEDGER_HOME": str(folder / "home"), "LEDGER_HTTP_TIMEOUT": "5", "COLUMNS": "200"}
