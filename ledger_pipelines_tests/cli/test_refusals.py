"""What the command refuses: one sentence that says what to do, exit code 1, and nothing happened."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ledger_pipelines_tests.end_to_end.harness import Done, Ledger, free_ports


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("close", "2025-13"), "'2025-13' is not a month: write it as YYYY-MM"),
        (("close", "2025-03-02"), "'2025-03-02' is not the first day of a month: write 2025-03"),
        (("close", "2025-03", "2025-03"), "The range 2025-03 to 2025-03 has no month"),
        (("reopen", "march", "--reason", "typing"), "'march' is not a month"),
        (
            ("reopen", "2025-03", "--reason", "because"),
            "2025-03 is not closed, so there is nothing to reopen.",
        ),
        (
            ("export", "statements", "--month", "2025-03"),
            "There is no statement in 2025-03: run `ledger close 2025-03`.",
        ),
        (
            ("export", "statements", "--month", "2025-03", "--format", "pdf"),
            "A pdf needs a file: name it with -o.",
        ),
        (
            ("export", "statements", "--month", "2025-03", "--format", "doc"),
            "'doc' is no format: choose csv, xlsx, pdf or zip.",
        ),
        (
            ("export", "statements", "--month", "2025-03", "--format", "xlsx"),
            "A workbook needs a file: name it with -o.",
        ),
        (("export", "errors", "-o", "errors.pdf"), "'pdf' is no format: choose csv or xlsx."),
        (
            ("export", "errors", "-o", "errors.csv", "--format", "xlsx"),
            "errors.csv would be xlsx: name the file .xlsx, or leave --format out.",
        ),
        (("export", "statements"), "Say which months: --month 2025-03, or --start 2025-01 --end 2025-04."),
        (("export", "accruals", "--month", "2025-03"), "There is no accrual in 2025-03: run `ledger close"),
        (("cfo", "status", "NOPE-1"), "No paid invoice has the number NOPE-1: see `ledger cfo pending`."),
        (("cfo", "sync", "--invoice", "NOPE-1"), "No paid invoice has the number NOPE-1"),
        (
            ("errors", "ignore", "7", "--note", "sold"),
            "There is no integration error 7: see `ledger errors list`.",
        ),
        (("errors", "resolve", "7", "--note", " "), "Say why in a note: it is kept with the error."),
        (("doctor",), "set CODEX_URL and CORE_URL"),
        (("close", "2025-03"), "No source is configured, so there is nothing to close"),
        (("sync",), "HOLDED_API_KEY is not set: without it Holded cannot be read."),
        (("sandbox", "--until", "yesterday"), "'yesterday' is not a day: write it as YYYY-MM-DD."),
        (("sandbox", "--port", "0", "--replay", "nowhere"), "There is no folder nowhere to replay"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_told_in_one_sentence(ledger: Ledger, arguments: tuple[str, ...], sentence: str) -> None:
    _is_one_sentence(ledger(*arguments, seconds=60), sentence)


@pytest.mark.parametrize("month", ["2019-01", "2199-01"])
def test_a_month_outside_the_ledger_is_refused(ledger: Ledger, month: str) -> None:
    """The database of the tests begins with January 2024; no ledger reaches further than the current month."""
    _is_one_sentence(ledger("close", month), f"{month} is outside the ledger: its months are 2024-01 to ")


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("up", "--dagster-port"), "--dagster-port"),
        (
            ("up", "--demo", "--dagster-port", "{free}", "--port", "{other}", "--sandbox-port"),
            "--sandbox-port",
        ),
        (("up", "--dagster-port", "{free}", "--port"), "--port"),
        (("console", "--port"), "--port"),
        (("sandbox", "--port"), "another port"),
    ],
    ids=["dagster", "the demo's sandbox", "console", "console alone", "sandbox"],
)
def test_a_port_in_use_is_named_with_the_option_to_change(
    ledger: Ledger, arguments: tuple[str, ...], option: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        free, other = free_ports(2)
        done = ledger(*(argument.format(free=free, other=other) for argument in arguments), port, seconds=60)

    _is_one_sentence(done, option)
    assert port in done.err
    assert port not in done.out


def test_a_home_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = Ledger(tmp_path / "run")("migrate", seconds=60, LEDGER_HOME=str(tmp_path / "file"))
    _is_one_sentence(done, f"The folder {tmp_path / 'file'} cannot be used for the embedded PostgreSQL (")


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"LEDGER_DATABASE_URL": "mysql://here/ledger"}, "LEDGER_DATABASE_URL is not a PostgreSQL URL"),
        ({"LEDGER_DATABASE_URL": "postgresql://me:hush@127.0.0.1:1/ledger"}, "cannot be used"),
        ({"LEDGER_HTTP_TIMEOUT": "soon"}, "LEDGER_HTTP_TIMEOUT cannot be used"),
        ({"LEDGER_FIRST_MONTH": "2025"}, "'2025' is not a month"),
    ],
    ids=["another database", "nobody listens", "timeout", "first month"],
)
def test_a_setting_that_cannot_be_used_is_named(
    ledger: Ledger, variables: dict[str, str], sentence: str
) -> None:
    done = ledger("migrate", seconds=60, **variables)

    _is_one_sentence(done, sentence)
    assert "hush" not in done.out + done.err


def _is_one_sentence(done: Done, sentence: str) -> None:
    assert done.code == 1, done
    assert done.err.startswith("Error: ")
    assert sentence in done.err
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.out
