"""The general ledger's document as a bookkeeper follows it: each of its commands, in its order."""

from __future__ import annotations

import re
import shlex
from datetime import date
from pathlib import Path

import pytest

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.end_to_end.harness import Ledger, execute, fetch
from ledger_pipelines_tests.general_ledger.saft_files import Saft, account, sale
from ledger_pipelines_tests.general_ledger.ubl import US, Ubl

_DOCUMENT = (Path(__file__).parents[2] / "docs/general_ledger.md").read_text()
_PROVIDER = SandboxConfig(until=date(2025, 5, 31), companies=3)


def _commands() -> list[list[str]]:
    blocks = re.findall(r"```console\n(.*?)```", _DOCUMENT, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line.removeprefix("$ ledger ")) for line in lines if line.startswith("$ ledger ")]


def _files(folder: Path) -> None:
    (folder / "invoices").mkdir(parents=True)
    (folder / "books-2024.xml").write_text(
        Saft([sale("1", day="2024-12-10")], accounts=[account("1500"), account("3000")], company=US).text
    )
    for number in ("F-1", "F-2"):
        (folder / "invoices" / f"{number}.xml").write_text(Ubl(number=number).xml())
    [journal] = re.findall(r"```csv\n(.*?)```", _DOCUMENT, re.DOTALL)
    (folder / "march.csv").write_text(journal)


def _expanded(part: str, folder: Path) -> list[str]:
    """The files that a pattern names, as a shell would; anything else as it is."""
    if "*" not in part:
        return [part]
    return sorted(str(found.relative_to(folder)) for found in folder.glob(part))


@pytest.mark.timeout(300)
def test_the_document_s_commands_work_in_their_order(ledger: Ledger, database: Database) -> None:
    _files(ledger.home)
    commands = _commands()
    assert len(commands) == 15
    with running_sandbox(_PROVIDER) as sandbox:
        ledger.use(sandbox)
        for command in commands:
            arguments = [name for part in command for name in _expanded(part, ledger.home)]
            if "--finalise" in arguments:
                _ignore_errors(ledger, database)
            done = ledger(*arguments)
            assert (done.code, done.err) == (0, ""), (arguments, done.out[-2000:])
    assert fetch(database, "SELECT DISTINCT status FROM journal_entries WHERE month = '2025-03-01'") == [
        ("posted",)
    ]
    [(settled,)] = fetch(
        database,
        "SELECT remaining_amount FROM customer_ledger WHERE month = '2025-03-01' AND invoice_number = 'C-1001'",
    )
    assert settled == 12000
    exported = (ledger.home / "journal.csv").read_text()
    assert "Salaries of March" in exported
    assert (ledger.home / "trial-balance.xlsx").stat().st_size > 1000

    execute(database, "SELECT thaw_month('2025-03-01')")
    execute(
        database,
        "UPDATE customer_ledger SET remaining_amount = remaining_amount - 1 "
        "WHERE month = '2025-03-01' AND invoice_number = 'C-1001'",
    )
    altered = ledger("verify", "--as-of", "2025-03-31")
    assert altered.code == 1
    assert "1500: 1.00 EUR" in altered.err


def _ignore_errors(ledger: Ledger, database: Database) -> None:
    """What the provider's records lack is seen to, so that the month may be closed."""
    errors = fetch(
        database, "SELECT id FROM integration_errors WHERE NOT is_resolved AND is_blocking ORDER BY id"
    )
    for (number,) in errors:
        assert ledger("errors", "ignore", str(number), "--note", "seen to").code == 0
