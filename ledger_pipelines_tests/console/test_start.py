"""What the console loads: nothing of Dagster, so that it starts at once and is small."""

from __future__ import annotations

import subprocess
import sys


def test_the_console_never_loads_dagster() -> None:
    program = (
        "import sys, ledger_pipelines.console.app; print([m for m in sys.modules if m.startswith('dagster')])"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
