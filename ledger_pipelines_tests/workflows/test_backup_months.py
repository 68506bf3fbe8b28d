"""What each month keeps of Datto RMM's devices, reading after reading."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from ledger_pipelines.errors import Problem
from ledger_pipelines.sources.datto.client import DevicesRead
from ledger_pipelines.sources.datto.models import DEVICES, OPERATION
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.executions import Execution
from ledger_pipelines.store.integration_errors import ignore_error, list_errors, open_errors
from ledger_pipelines.store.snapshots import read_snapshots, record_snapshot
from ledger_pipelines.tables.codex import ASSETS, COMPANIES
from ledger_pipelines.workflows.imports.asset_backup import with_backup, with_backup_read_since
from ledger_pipelines.workflows.imports.backup_usage import TABLE, import_backup_usage
from ledger_pipelines.workflows.step import Step

FEBRUARY, MARCH, APRIL = (date(2025, month, 1) for month in (2, 3, 4))
UNREADABLE = "unreadable"


def table(schema: pa.Schema, *rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist([dict.fromkeys(schema.names) | row for row in rows], schema=schema)


@dataclass
class Datto:
    """An account of Datto RMM whose devices, and what their field says, a test sets."""

    connection: psycopg.Connection
    fields: dict[str, int | str | None] = field(default_factory=dict)

    def devices(self) -> DevicesRead:
        broken = frozenset(uid for uid, stored in self.fields.items() if stored == UNREADABLE)
        said = [
            Problem("datto", OPERATION, "device", uid, f"{uid} cannot be read.") for uid in sorted(broken)
        ]
        rows = [
            dict.fromkeys(DEVICES.names)
            | {
                "uid": uid,
                "hostname": uid.upper(),
                "site": "Acme",
                "is_deleted": False,
                "backup_bytes": stored,
            }
            for uid, stored in sorted(self.fields.items())
            if uid not in broken
        ]
        return DevicesRead(pa.Table.from_pylist(rows, schema=DEVICES), {}, broken, said, True)

    def step(self, *months: date, closed: Sequence[date] = ()) -> Step:
        return Step(
            connection=self.connection,
            execution=Execution(1, TABLE),
            months=list(months),
            closed=frozenset(closed),
            asked=list(months),
            run_id="run",
        )

    def read(self, today: date, *months: date, closed: Sequence[date] = ()) -> None:
        step = self.step(*months, closed=closed)

        @contextlib.contextmanager
        def client() -> Iterator[Datto]:
            yield self

        now = datetime(today.year, today.month, today.day, tzinfo=UTC)
        import_backup_usage(step, client, taken_at=now)  # type: ignore[arg-type]

    def kept(self, month: date) -> dict[str, int | None]:
        rows = read_months(self.connection, TABLE, [month]).to_pylist()
        return {row["uid"]: row["backup_bytes"] for row in sorted(rows, key=lambda row: str(row["uid"]))}

    def errors(self, *months: date) -> list[str]:
        """The ids of the open errors (of these months)."""
        found = list_errors(self.connection, months)
        return sorted(one.external_id for one in found if one.status == "open")

    def ignore(self, external_id: str) -> None:
        (found,) = (one for one in list_errors(self.connection) if one.external_id == external_id)
        ignore_error(self.connection, found.error_id, "It is so.")

    def is_complete(self, month: date) -> bool:
        (found,) = (one for one in read_snapshots(self.connection, [month]) if one.table_name == TABLE)
        return found.is_complete


@pytest.fixture
def datto(connection: psycopg.Connection) -> Datto:
    return Datto(connection)


def test_a_field_that_cannot_be_read_keeps_what_the_month_had(datto: Datto) -> None:
    datto.fields = {"srv01": 9_000, "srv02": 1_000}
    datto.read(date(2025, 3, 10), MARCH)
    datto.fields = {"srv01": UNREADABLE, "srv02": 2_000, "srv03": UNREADABLE}
    datto.read(date(2025, 3, 20), MARCH)
    assert datto.kept(MARCH) == {"srv01": 9_000, "srv02": 2_000}
    assert datto.errors(MARCH) == ["srv01", "srv03"]
    assert not datto.is_complete(MARCH)


def test_a_field_in_which_no_device_has_anything_is_named_until_one_has_or_a_person_says_so(
    datto: Datto,
) -> None:
    # DATTO_BACKUP_UDF is wrong from the first day on: nobody would be billed, and nobody told.
    datto.fields = {"srv01": None, "srv02": None}
    for day in (10, 11):
        datto.read(date(2025, 3, day), MARCH)
        assert datto.errors() == ["no device has a backup"]
    datto.ignore("no device has a backup")
    datto.read(date(2025, 3, 12), MARCH)
    assert datto.errors() == []
    datto.fields = {"srv01": 9_000, "srv02": None}
    datto.read(date(2025, 3, 13), MARCH)
    assert (datto.kept(MARCH), datto.errors()) == ({"srv01": 9_000, "srv02": None}, [])


def test_a_field_that_became_empty_keeps_its_bytes_until_a_person_says_so(datto: Datto) -> None:
    # SRV01's 9 TB are billed 20 + 80 in March; in April its field is empty, and Codex may have none of it, too.
    datto.fields = {"srv01": 9_000, "srv02": 1_000, "srv03": None}
    datto.read(date(2025, 3, 31), MARCH)
    datto.fields["srv01"] = None
    for day in (1, 2):
        datto.read(date(2025, 4, day), APRIL, closed=[MARCH])
        assert datto.kept(APRIL) == {"srv01": 9_000, "srv02": 1_000, "srv03": None}
        assert datto.errors(APRIL) == ["srv01 without backup"]
        assert not datto.is_complete(APRIL)

    datto.ignore("srv01 without backup")
    for day in (3, 4):
        datto.read(date(2025, 4, day), APRIL, closed=[MARCH])
        assert datto.kept(APRIL) == {"srv01": None, "srv02": 1_000, "srv03": None}
        assert datto.errors() == []
        assert datto.is_complete(APRIL)

    # That said nothing of the next time.
    datto.fields["srv01"] = 5_000
    datto.read(date(2025, 4, 5), APRIL)
    datto.fields["srv01"] = None
    datto.read(date(2025, 4, 6), APRIL)
    assert datto.kept(APRIL)["srv01"] == 5_000
    assert datto.errors() == ["srv01 without backup"]


def test_whoever_confirms_for_one_month_is_told_that_it_holds_in_the_month_before_that_is_still_open(
    datto: Datto,
) -> None:
    # Moved to another product on 1 April: March's 9 TB are 80.00, and its next reading shows none of them.
    datto.fields = {"srv01": 9 * 2**40, "srv02": 2**40}
    datto.read(date(2025, 3, 31), MARCH)
    datto.fields["srv01"] = None
    datto.read(date(2025, 4, 1), APRIL)
    ((_, _, _, _, external_id, message, *_),) = open_errors(datto.connection)
    assert "holds in every open month that is read then, the month before among them" in message
    datto.ignore(external_id)
    datto.read(date(2025, 4, 2), APRIL)
    assert datto.kept(MARCH)["srv01"] == 9 * 2**40
    datto.read(date(2025, 4, 3), MARCH)
    assert datto.kept(MARCH)["srv01"] is None


def test_where_most_fields_became_empty_the_list_is_doubted(datto: Datto) -> None:
    # As with another DATTO_BACKUP_UDF.
    datto.fields = {f"srv{number}": number for number in range(10, 30)}
    datto.read(date(2025, 3, 10), MARCH)
    before = datto.kept(MARCH)
    datto.fields = dict.fromkeys(datto.fields)
    datto.read(date(2025, 3, 11), MARCH)
    assert datto.kept(MARCH) == before
    assert datto.errors(MARCH) == ["devices with a backup of 20"]
    datto.ignore("devices with a backup of 20")
    datto.read(date(2025, 3, 12), MARCH)
    assert set(datto.kept(MARCH).values()) == {None}
    assert datto.errors() == []


def test_bytes_that_fall_to_nothing_or_change_their_unit_are_kept_until_a_person_says_so(
    datto: Datto,
) -> None:
    # October's 9 TB are 20.00 + 80.00; in November the script writes 0, or gigabytes: 80.00 would be lost.
    datto.fields = {"srv01": 9 * 2**40, "srv02": 2**40}
    datto.read(date(2025, 3, 31), MARCH)
    for day, stored in enumerate((0, 9 * 1024, 9), 1):
        datto.fields["srv01"] = stored
        datto.read(date(2025, 4, day), APRIL, closed=[MARCH])
        assert datto.kept(APRIL) == {"srv01": 9 * 2**40, "srv02": 2**40}
        assert datto.errors(APRIL) == ["srv01 without backup"]
    # Who confirms 9 bytes confirms nothing of fewer; half of what SRV02 had is a cleanup.
    datto.ignore("srv01 without backup")
    datto.fields = {"srv01": 3, "srv02": 2**39}
    datto.read(date(2025, 4, 10), APRIL, closed=[MARCH])
    assert datto.kept(APRIL) == {"srv01": 9 * 2**40, "srv02": 2**39}
    assert datto.errors(APRIL) == ["srv01 without backup"]
    datto.ignore("srv01 without backup")
    for day in (11, 12):
        datto.read(date(2025, 4, day), APRIL, closed=[MARCH])
        assert datto.kept(APRIL) == {"srv01": 3, "srv02": 2**39}
        assert datto.errors(APRIL) == []


def test_where_most_fields_changed_their_unit_the_list_is_doubted(datto: Datto) -> None:
    datto.fields = {f"srv{number}": number * 2**40 for number in range(10, 30)}
    datto.read(date(2025, 3, 10), MARCH)
    before = datto.kept(MARCH)
    datto.fields = {f"srv{number}": number * 1024 for number in range(10, 30)}
    datto.read(date(2025, 3, 11), MARCH)
    assert datto.kept(MARCH) == before
    assert datto.errors(MARCH) == ["devices with a backup of about the former size of 20"]


def test_a_month_without_rows_takes_those_of_the_newest_for_what_cannot_be_read(datto: Datto) -> None:
    datto.fields = {"srv01": 9_000}
    datto.read(date(2025, 3, 31), MARCH)
    datto.fields = {"srv01": UNREADABLE}
    datto.read(date(2025, 4, 1), APRIL, closed=[MARCH])
    assert datto.kept(APRIL) == {"srv01": 9_000}
    # And so it is known in the end that it had some.
    datto.fields = {"srv01": None}
    datto.read(date(2025, 4, 2), APRIL, closed=[MARCH])
    assert datto.kept(APRIL) == {"srv01": 9_000}
    assert datto.errors(APRIL) == ["srv01 without backup"]


def test_an_older_open_month_is_given_only_what_it_could_not_read(datto: Datto) -> None:
    # February has SRV02's 1 TB, and not SRV01's; in April that is mended, SRV02 has 6 TB, and SRV03 is new.
    datto.fields = {"srv01": UNREADABLE, "srv02": 1_000, "srv05": UNREADABLE, "srv06": UNREADABLE}
    datto.read(date(2025, 2, 20), FEBRUARY)
    datto.fields = {"srv01": 3_000, "srv02": 6_000, "srv03": 500, "srv04": UNREADABLE, "srv05": UNREADABLE}
    datto.read(date(2025, 4, 10), FEBRUARY, MARCH, APRIL)
    assert datto.kept(FEBRUARY) == {"srv01": 3_000, "srv02": 1_000}
    assert datto.kept(APRIL) == {"srv01": 3_000, "srv02": 6_000, "srv03": 500}
    # SRV04 is none of February's, and what became of SRV06 is not known.
    assert {"srv05", "srv06"} <= set(datto.errors(FEBRUARY))
    assert "srv04" not in datto.errors(FEBRUARY)
    assert datto.errors(APRIL) == ["srv04", "srv05"]
    assert not datto.is_complete(FEBRUARY)

    datto.fields = {"srv01": 4_000, "srv02": 7_000, "srv05": 50, "srv06": None}
    datto.read(date(2025, 4, 11), FEBRUARY)
    assert datto.kept(FEBRUARY) == {"srv01": 3_000, "srv02": 1_000, "srv05": 50, "srv06": None}
    assert datto.errors(FEBRUARY) == []
    assert datto.is_complete(FEBRUARY)


def test_a_confirmation_holds_in_the_older_month_that_asked_for_it(datto: Datto) -> None:
    datto.fields = {"srv01": 9_000, "srv02": 1_000}
    datto.read(date(2025, 2, 20), FEBRUARY)
    datto.fields = {"srv01": None, "srv02": 1_000}
    datto.read(date(2025, 2, 28), FEBRUARY)
    datto.ignore("srv01 without backup")
    datto.fields["srv02"] = 2_000
    datto.read(date(2025, 4, 10), FEBRUARY)
    assert datto.kept(FEBRUARY) == {"srv01": None, "srv02": 1_000}
    assert datto.errors() == []
    assert datto.is_complete(FEBRUARY)


def take_devices(datto: Datto, today: date, codex: dict[str, int]) -> Step:
    """Writes Codex's devices of February, with their bytes, as they were on a day."""
    step = datto.step(FEBRUARY)
    companies = table(COMPANIES.schema, {"month": FEBRUARY, "account_number": "A1", "name": "Acme"})
    rows = [
        {"month": FEBRUARY, "account_number": "A1", "id": at, "hostname": name, "backup_data_bytes": stored}
        for at, (name, stored) in enumerate(sorted(codex.items()), 1)
    ]
    assets = table(ASSETS.schema, *rows)
    taken_at = datetime(today.year, today.month, today.day, 1, tzinfo=UTC)
    if any(one.table_name == TABLE for one in read_snapshots(datto.connection, [FEBRUARY])):
        assets = with_backup(step, assets, companies, [FEBRUARY], ())
    step.write({"companies": companies, "assets": assets}, [FEBRUARY])
    record_snapshot(datto.connection, "assets", [FEBRUARY], taken_at=taken_at, is_complete=True)
    return step


def test_what_an_older_month_learns_later_is_billed_and_what_it_lost_stays_named(datto: Datto) -> None:
    datto.fields = {"srv01": UNREADABLE, "srv03": 7}
    datto.read(date(2025, 2, 20), FEBRUARY)
    step = take_devices(datto, date(2025, 2, 20), {"SRV01": 9_000, "SRV02": 1_000, "SRV03": 7})
    assert len(datto.errors(FEBRUARY)) == 3

    datto.fields = {"srv01": 3_000, "srv03": 8}
    datto.read(date(2025, 4, 10), FEBRUARY)
    for _ in range(2):
        rows = with_backup_read_since(step, [FEBRUARY]).to_pylist()
        assert {row["hostname"]: row["backup_data_bytes"] for row in rows} == {
            "SRV01": 3_000,
            "SRV02": 0,
            "SRV03": 7,
        }
        (lost,) = (one for one in list_errors(datto.connection, [FEBRUARY]) if one.status == "open")
        assert "SRV02 of company A1 has 1,000 bytes backed up by Codex" in lost.message


def billed(step: Step, month: date) -> dict[str, int]:
    rows = read_months(step.connection, "assets", [month]).to_pylist()
    return {row["hostname"]: row["backup_data_bytes"] for row in rows}


def test_a_device_that_vanished_is_billed_as_it_was_while_codex_has_it_until_a_person_says_so(
    datto: Datto,
) -> None:
    # 9 + 1 TB are 40.00 + 80.00; SRV01 is not in the list any more, and still a server in Codex.
    datto.fields = {"srv01": 9 * 2**40, "srv02": 2**40, "srv03": 2**40}
    datto.read(date(2025, 2, 20), FEBRUARY)
    step = take_devices(datto, date(2025, 2, 20), {"SRV01": 0, "SRV02": 0, "SRV03": 0})
    assert datto.errors() == []
    # SRV03 is retired in both, which is nobody's matter.
    datto.fields = {"srv02": 2**40}
    for day in (21, 22):
        datto.read(date(2025, 2, day), FEBRUARY)
        take_devices(datto, date(2025, 2, day), {"SRV01": 0, "SRV02": 0})
        assert billed(step, FEBRUARY) == {"SRV01": 9 * 2**40, "SRV02": 2**40}
        assert datto.errors(FEBRUARY) == ["A1/1 not shown in 2025-02 up to 9 TB"]
    # The same in a later run of the older month.
    rows = with_backup_read_since(step, [FEBRUARY]).to_pylist()
    assert {row["hostname"]: row["backup_data_bytes"] for row in rows} == billed(step, FEBRUARY)

    datto.ignore("A1/1 not shown in 2025-02 up to 9 TB")
    for day in (23, 24):
        take_devices(datto, date(2025, 2, day), {"SRV01": 0, "SRV02": 0})
        assert billed(step, FEBRUARY) == {"SRV01": 0, "SRV02": 2**40}
        assert datto.errors() == []


def test_a_month_whose_devices_were_read_before_datto_was_set_keeps_codex_s_bytes(datto: Datto) -> None:
    step = take_devices(datto, date(2025, 2, 20), {"SRV01": 9_000})
    datto.fields = {"srv01": 3_000}
    datto.read(date(2025, 4, 10), FEBRUARY)
    assert with_backup_read_since(step, [FEBRUARY]).num_rows == 0


def test_who_ignores_bytes_ignores_no_later_month_s_and_no_terabytes_more(datto: Datto) -> None:
    companies = table(COMPANIES.schema, {"month": MARCH, "account_number": "A1", "name": "Acme"})

    def unbilled(month: date, stored: int) -> list[str]:
        datto.fields = {"new": stored}
        datto.read(date(2025, month.month, 20), month)
        with_backup(datto.step(month), ASSETS.schema.empty_table(), companies, [month], ())
        return datto.errors(month)

    (found,) = unbilled(MARCH, 1_000)
    assert found == "A1/new no device in 2025-03 up to 1 TB"
    datto.ignore(found)
    # A little more is what was ignored; 9 TB are 80.00 more a month, and April is another month.
    assert unbilled(MARCH, 2_000) == []
    assert unbilled(MARCH, 9 * 2**40) == ["A1/new no device in 2025-03 up to 9 TB"]
    assert unbilled(APRIL, 2**39) == ["A1/new no device in 2025-04 up to 1 TB"]


def test_which_of_several_devices_it_is_holds_up_a_month_where_they_are_of_different_types(
    datto: Datto,
) -> None:
    companies = table(COMPANIES.schema, {"month": MARCH, "account_number": "A1", "name": "Acme"})
    datto.fields = {"x": 5}
    datto.read(date(2025, 3, 20), MARCH)
    for other, is_blocking in (("Desktop", True), ("Server", False)):
        rows = [
            {"month": MARCH, "account_number": "A1", "id": at, "hostname": "X", "backup_data_bytes": 0}
            | {"hardware_type": kind}
            for at, kind in enumerate(("Server", other))
        ]
        with_backup(datto.step(MARCH), table(ASSETS.schema, *rows), companies, [MARCH], ())
        (found,) = open_errors(datto.connection)
        assert found[5].startswith("Company A1 has several devices called X in Codex")
        assert found[7] is is_blocking
