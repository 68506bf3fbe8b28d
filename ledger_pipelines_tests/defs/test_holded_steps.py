"""The steps that read Holded: what its lists leave out is not taken back, and what is gone is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from ledger_pipelines.defs.invoicing.assets import invoices, services
from ledger_pipelines.orchestration.resources import HoldedResource, LedgerResource
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.integration_errors import ignore_error, list_errors
from ledger_pipelines.store.periods import close_months
from ledger_pipelines.workflows.imports import documents as document_defs
from ledger_pipelines_tests.sources.conftest import reply
from ledger_pipelines_tests.sources.school_records import contact, document, line
from ledger_pipelines_tests.sources.school_servers import KEY, HoldedLike, running
from ledger_pipelines_tests.unrecorded import unrecorded
from ledger_pipelines_tests.watching import watched_frames

__all__ = ["watched_frames"]

JAN, FEB, MAR = (date(2024, month, 1) for month in (1, 2, 3))
INVOICES, CREDITS = "/documents/invoice", "/documents/creditnote"
CHANNEL = {"id": "ch1", "name": "ES - Bootcamp", "accountNum": 70500001}
SHOP = {"id": "shop", "name": "Books", "accountNum": 70000001}


def bill(number: int, day: date, amount: int = 1000, **more: Any) -> dict[str, Any]:
    """An invoice of this day over one course, without tax."""
    seconds = int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo("Europe/Madrid")).timestamp())
    fields = {"date": seconds, "tax": 0, "subtotal": amount, "total": amount, "products": [line(amount)]}
    return document(number, contact="c00001", **fields) | more


@dataclass(frozen=True, slots=True)
class School:
    """Holded and the ledger that reads it."""

    holded: HoldedLike
    database: Database

    def read(
        self, first: date = JAN, last: date = MAR, *, also_services: bool = True
    ) -> dict[str, dg.AssetCheckEvaluation]:
        """A run of both steps over these months; what each check of the whole run found."""
        with unrecorded() as instance:
            result = dg.materialize(
                [services, invoices] if also_services else [invoices],
                tags={
                    "dagster/asset_partition_range_start": f"{first:%Y-%m}",
                    "dagster/asset_partition_range_end": f"{last:%Y-%m}",
                },
                resources={"ledger": LedgerResource(), "holded": HoldedResource()},
                instance=instance,
            )
        return {one.check_name: one for one in result.get_asset_check_evaluations() if one.partition is None}

    def close(self, *months: date) -> None:
        with self.database.connect() as connection:
            close_months(connection, months, person="Ada")

    def contracts(self) -> list[tuple[str, str, Decimal]]:
        """Month, document and amount of each row of the contracts."""
        with self.database.connect() as connection:
            return connection.execute(
                "SELECT to_char(month, 'YYYY-MM'), document_id, amount FROM contracts ORDER BY 1, 2, contact_id"
            ).fetchall()

    def total(self) -> Decimal:
        return sum((amount for _, _, amount in self.contracts()), Decimal(0))

    def ids(self, table: str, month: date = MAR) -> list[str]:
        with self.database.connect() as connection:
            rows = connection.execute(
                f"SELECT id FROM {table} WHERE month = %s ORDER BY 1", [month]
            ).fetchall()
        return [found for (found,) in rows]

    def errors(self) -> dict[str, str]:
        """What is open, by the record's id."""
        with self.database.connect() as connection:
            found = list_errors(connection)
        return {error.external_id: error.message for error in found if error.status == "open"}

    def ignore(self, external_id: str) -> None:
        with self.database.connect() as connection:
            (error,) = [one for one in list_errors(connection) if one.external_id == external_id]
            ignore_error(connection, error.error_id, "It is so.")


@pytest.fixture
def school(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[School]:
    """Two invoices of January and one of March, of one client."""
    with running(HoldedLike()) as holded:
        holded.lists = {
            "/saleschannels": [CHANNEL, SHOP],
            "/contacts": [contact(1, email="ada@school.example")],
            INVOICES: [bill(1, JAN), bill(2, JAN, 300), bill(3, MAR, 500)],
            CREDITS: [],
        }
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("LEDGER_DATABASE_URL", database.url)
        monkeypatch.setenv("HOLDED_URL", holded.url)
        monkeypatch.setenv("HOLDED_API_KEY", KEY)
        yield School(holded, database)


def test_a_second_reading_gives_the_same_rows_and_asks_for_nothing_more(school: School) -> None:
    checks = school.read()
    first = school.contracts()
    assert first == [
        ("2024-01", "inv00001", Decimal(1000)),
        ("2024-01", "inv00002", Decimal(300)),
        ("2024-03", "inv00003", Decimal(500)),
    ]
    assert {name: check.passed for name, check in checks.items()} == dict.fromkeys(checks, True)
    school.close(JAN)
    school.read()
    assert (school.contracts(), school.errors(), school.holded.asked_by_id()) == (first, {}, [])


@pytest.mark.parametrize("closed", [(), (JAN,)])
def test_a_document_that_a_list_left_out_is_asked_for_and_counts(
    school: School, closed: tuple[date, ...]
) -> None:
    school.read()
    first = school.contracts()
    school.close(*closed)
    school.holded.hidden = {"inv00002"}
    school.read()
    assert school.contracts() == first
    assert school.holded.asked_by_id() == [f"{INVOICES}/inv00002"]
    [told] = school.errors().values()
    assert told == (
        "Holded's lists did not show F00002, and it has them: they were asked for by their ids, and count."
    )


def test_a_document_that_is_gone_is_taken_back_in_the_first_open_month(school: School) -> None:
    school.read()
    school.close(JAN)
    del school.holded.lists[INVOICES][1]
    school.read()
    assert school.contracts() == [
        ("2024-01", "inv00001", Decimal(1000)),
        ("2024-01", "inv00002", Decimal(300)),
        ("2024-02", "inv00002", Decimal(-300)),
        ("2024-03", "inv00003", Decimal(500)),
    ]
    assert school.errors() == {}
    taken = school.contracts()
    school.close(FEB)
    # February still holds what is so; January does not, and says it.
    check = school.read()["closed_month_unchanged"]
    assert check.metadata["months_that_fail"].value == "2024-01"
    assert school.contracts() == taken


def test_one_that_cannot_be_asked_for_is_kept_and_told_with_its_amount(school: School) -> None:
    school.read()
    first = school.contracts()
    del school.holded.lists[INVOICES][1:]
    school.holded.by_id = reply({"status": 0, "info": "Account has been blocked. Reason: Unpaid"}, 402)
    checks = school.read()
    assert school.contracts() == first
    assert len(school.holded.asked_by_id()) == 1
    assert set(school.errors()) == {"inv00002", "inv00003"}
    assert school.errors()["inv00002"].startswith(
        "F00002 of 2024-01-01 over 300.00 EUR is not in Holded's list and could not be asked for (Holded has blocked"
    )
    assert not checks["read_completely"].passed

    with school.database.connect() as connection:
        for error in list_errors(connection):
            ignore_error(connection, error.error_id, "It is so.")
    assert school.read()["read_completely"].passed


@pytest.mark.parametrize("is_asked", [True, False])
def test_a_list_that_came_back_empty_is_not_believed_until_a_person_says_so(
    school: School, is_asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither when there are too many to be asked for, nor when Holded knows none of so many."""
    monkeypatch.setattr(document_defs, "MOST_QUESTIONS", 100 if is_asked else 10)
    school.holded.lists[INVOICES] = [bill(number, JAN, 10) for number in range(1, 21)]
    school.read()
    school.close(JAN)
    school.holded.lists[INVOICES] = []
    school.read()
    assert school.total() == 200
    assert len(school.holded.asked_by_id()) == (20 if is_asked else 0)
    [(error, told)] = school.errors().items()
    assert told.startswith(
        "Holded shows 0 documents of 2024-01 to 2024-03 where it showed 20, so what was read before"
    )
    school.ignore(error)
    school.read()
    assert school.total() == 0
    assert school.errors() == {}


def test_more_than_can_be_asked_for_in_a_run_wait_for_the_next(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_defs, "MOST_QUESTIONS", 2)
    every = [bill(number, JAN, 10) for number in range(1, 21)]
    school.holded.lists[INVOICES] = every
    school.read()
    school.holded.lists[INVOICES] = every[3:]
    school.read()
    assert school.total() == 180
    assert "was not asked for among 3: run it again" in school.errors()["inv00003"]
    school.read()
    assert (school.total(), school.errors()) == (170, {})


def test_documents_that_cannot_be_read_stay_as_they_were(school: School) -> None:
    school.read()
    first = school.contracts()
    school.close(JAN)
    school.holded.lists[INVOICES] = [one | {"total": {}} for one in school.holded.lists[INVOICES]]
    school.read()
    assert (school.contracts(), school.holded.asked_by_id()) == (first, [])
    assert set(school.errors()) == {"inv00001", "inv00002", "inv00003"}


def test_a_document_that_contradicts_itself_stays_as_it_was(school: School) -> None:
    school.read()
    first = school.contracts()
    school.close(JAN)
    for one in school.holded.lists[INVOICES]:
        one["total"] = 0
    school.read()
    assert school.contracts() == first
    assert "has lines of 300.00 EUR and, by its total, comes to 0.00 EUR" in school.errors()["inv00002"]


def test_a_document_that_moved_to_a_month_that_was_not_read_waits_for_it(school: School) -> None:
    school.read()
    first = school.contracts()
    school.close(JAN)
    school.holded.lists[INVOICES][1] = bill(2, date(2024, 3, 5), 300)
    school.read(JAN, FEB)
    assert school.contracts() == first
    assert "is dated 2024-03-05 there now: read 2024-03 again" in school.errors()["inv00002"]
    school.read()
    assert (school.total(), school.errors()) == (1800, {})
    with school.database.connect() as connection:
        moved = "SELECT month, amount FROM contracts WHERE document_date = '2024-03-05'"
        assert connection.execute(moved).fetchall() == [(MAR, Decimal("0.00"))]


def test_a_service_that_is_none_any_more_keeps_what_was_invoiced_for_it(school: School) -> None:
    school.read()
    school.holded.lists["/saleschannels"] = [CHANNEL | {"id": f"ch{number}"} for number in range(2, 14)] + [
        SHOP
    ]
    school.read()
    assert school.total() == 1800
    [told] = school.errors().values()
    assert told.startswith(
        "The service ES - Bootcamp (70500001) is not in Holded any more; its invoices count"
    )
    school.holded.lists["/saleschannels"].append(CHANNEL | {"accountNum": 70000009})
    school.read()
    assert "has the account 70000009 now" in school.errors()["ch1"]
    assert school.total() == 1800
    school.ignore("ch1")
    school.read()
    assert (school.total(), school.errors()) == (0, {})


@pytest.mark.parametrize("path", ["/saleschannels", "/contacts"])
def test_a_list_of_services_or_contacts_that_came_back_empty_takes_nothing_away(
    school: School, path: str
) -> None:
    school.read()
    school.holded.lists[path] = []
    school.read()
    assert school.total() == 1800
    assert (school.ids("services"), school.ids("holded_contacts")) == (["ch1"], ["c00001"])
    [told] = school.errors().values()
    assert "shows 0 " in told


def test_a_contact_that_was_merged_into_another_stays_for_its_contracts(school: School) -> None:
    """B2: January is closed with the old contact."""
    others = [contact(number) for number in range(2, 14)]
    school.holded.lists["/contacts"] += others
    school.read()
    school.close(JAN)
    school.holded.lists["/contacts"] = [*others[1:], contact(77, email="ada@school.example")]
    school.holded.lists[INVOICES] = [one | {"contact": "c00077"} for one in school.holded.lists[INVOICES]]
    school.read()
    assert ("2024-02", "inv00001", Decimal(-1000)) in school.contracts()
    assert ("2024-02", "inv00001", Decimal(1000)) in school.contracts()
    kept = school.ids("holded_contacts")
    # One that was never invoiced goes.
    assert ("c00001" in kept, "c00002" in kept, "c00077" in kept) == (True, False, True)
    [told] = school.errors().values()
    assert told.startswith("The contact Client 1 (ada@school.example) is not in Holded's list any more")


def test_a_contact_that_only_documents_name_is_asked_for_by_its_id(school: School) -> None:
    school.holded.lists["/contacts"].append(contact(2))
    school.holded.hidden = {"c00002"}
    school.holded.lists[INVOICES] += [
        bill(4, MAR, contact="c00002"),
        bill(5, MAR, contact="nobody", contactName="Grace"),
    ]
    school.read()
    assert school.ids("holded_contacts") == ["c00001", "c00002", "nobody"]
    [told] = school.errors().values()
    assert told == (
        "The contact nobody of F00005 is not in Holded's list and is gone: it has no e-mail to find its student by, so "
        "set the document's contact in Holded."
    )


def test_money_that_no_contract_claims_is_found_with_its_amount(school: School) -> None:
    odd = [line(1000), line(70, account="nowhere"), line(9, account="shop"), line(8, account=None)]
    school.holded.lists[INVOICES] = [
        bill(1, JAN, products=odd, subtotal=1087, total=1087),
        bill(2, FEB, 400, contact="0"),
        bill(3, FEB, 50, currency="usd", contact="0"),
    ]
    school.holded.lists[CREDITS] = [bill(4, MAR, 30, docNumber="CN1")]
    school.read()
    found = {}
    for month in (JAN, FEB, MAR):
        check = school.read(month, month)["all_money_has_a_contract"]
        found[f"{month:%Y-%m}"] = check.description
        assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found == {
        "2024-01": "2024-01: 78.00 EUR: F00001 of 2024-01-01, line 2, over 70.00 EUR has a line on an account that is no "
        "sales channel; F00001 of 2024-01-01, line 4, over 8.00 EUR has a line that names no service, neither by its "
        "account nor by its document's sales channel.",
        "2024-02": "2024-02: 400.00 EUR, 50.00 USD: F00002 of 2024-02-01 over 400.00 EUR has no contact, so it belongs "
        "to no contract; F00003 of 2024-02-01 over 50.00 USD has no contact, so it belongs to no contract.",
        "2024-03": "2024-03: -30.00 EUR: CN1 of 2024-03-01 over -30.00 EUR is a credit note, and the invoice that it was "
        "made from is not known.",
    }
    assert set(school.errors()) == {"inv00001/4", "inv00002", "inv00003"}
