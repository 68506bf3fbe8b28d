"""The school's named cases and history: somebody for every rule, found in the systems that know them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
import requests

from ledger_pipelines.errors import ConfigurationError
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.school.cases import CASES, NEWS
from ledger_pipelines.sandbox.school.history import school_history
from ledger_pipelines.sandbox.school.records import School
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines_tests.sandbox import TIMEOUT_SECONDS
from ledger_pipelines_tests.sandbox.conftest import UNTIL
from ledger_pipelines_tests.sandbox.school_clients import MADRID, FourGeeks, Holded, Notion, Record


class Books:
    """All that the three systems say of a school of cases only, by e-mail."""

    def __init__(self, holded: Holded, fourgeeks: FourGeeks, notion: Notion) -> None:
        self.contacts = [row for row in holded.read("/contacts") if row["email"]]
        self.documents = [*holded.documents(), *holded.documents("creditnote")]
        self.channels = {row["id"]: row["name"] for row in holded.read("/saleschannels")}
        self.students = fourgeeks.students()
        self.courses = fourgeeks.memberships()
        self.pages = notion.read()

    def contacts_of(self, email: str) -> list[Record]:
        return [row for row in self.contacts if row["email"].strip().casefold() == email]

    def documents_of(self, email: str) -> list[Record]:
        ids = {row["id"] for row in self.contacts_of(email)}
        rows = [row for row in self.documents if row["contact"] in ids]
        return sorted(rows, key=lambda row: (row["date"], row["docNumber"] or ""))

    def courses_of(self, email: str) -> list[Record]:
        return [row for row in self.courses if row["user"]["email"] == email]

    def students_of(self, email: str) -> list[Record]:
        return [row for row in self.students if row["email"] == email]

    def pages_of(self, email: str) -> list[Record]:
        return [row for row in self.pages if row["properties"]["Email"]["email"].strip().casefold() == email]

    def knows(self, email: str) -> bool:
        finders = (self.contacts_of, self.students_of, self.courses_of, self.pages_of)
        return any(finder(email) for finder in finders)


def _email(name: str) -> str:
    return CASES[name].emails[-1]


@pytest.fixture(scope="module")
def cases() -> Iterator[Books]:
    config = SandboxConfig(until=UNTIL, companies=1, students=0, invoices=0, rate_limit=None)
    with running_sandbox(config) as running, requests.Session() as session:
        yield Books(Holded(running, session), FourGeeks(running, session), Notion(running, session))


def test_every_case_is_told_in_one_sentence() -> None:
    for name, case in CASES.items():
        assert case.name == name
        assert re.fullmatch(r"[A-Z][^.]*(\d\.\d[^.]*)*\.", case.description), name


def test_every_case_but_the_nameless_one_is_known_by_its_emails(cases: Books) -> None:
    unknown = [
        (name, email) for name, case in CASES.items() for email in case.emails if not cases.knows(email)
    ]
    assert unknown == [("nobody", _email("nobody"))]
    # By contacts without an e-mail nobody can be found.
    assert cases.contacts_of(_email("contact_without_email")) == []
    assert len(cases.courses_of(_email("contact_without_email"))) == 1


def test_the_cases_cover_what_the_rules_tell_apart() -> None:
    assert set(CASES) >= {
        *("active", "graduated", "ended_early", "not_completing", "dropped", "suspended"),
        *("postponed", "postponed_lately", "postponed_and_resumed", "short_course", "instalments"),
        *("dropped_back_dated", "dropped_then_active", "late_invoice"),
        *("credited_in_part", "credited_in_full", "negative_contract", "resigned", "bought_lately"),
        *("mismatched_email", "contact_without_email", "nobody", "siblings", "registered_twice"),
        *("notion_active", "notion_ended", "notion_dropped", "notion_only", "notion_ended_without_date"),
        *("two_services", "two_services_neither_fits", "two_currencies", "never_ending", "unknown_status"),
        *("paid_in_two_months", "overpaid", "paid_in_advance", "refunded", "withheld", "payment_taken_out"),
    }
    assert set(NEWS) == {"payment_taken_out", "dropped_back_dated", "dropped_then_active", "late_invoice"}


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("active", ["ACTIVE"]),
        ("ended_early", ["GRADUATED"]),
        ("not_completing", ["NOT_COMPLETING"]),
        ("dropped", ["DROPPED"]),
        ("suspended", ["SUSPENDED"]),
        ("postponed", ["POSTPONED"]),
        ("postponed_and_resumed", ["POSTPONED", "ACTIVE"]),
        ("without_status", [None]),
        ("unknown_status", ["SABBATICAL"]),
        ("two_services", ["ACTIVE", "ACTIVE"]),
        ("resigned", []),
        ("notion_active", []),
        ("invited", []),
    ],
)
def test_courses_of_a_case(cases: Books, name: str, statuses: list[str | None]) -> None:
    assert [row["educational_status"] for row in cases.courses_of(_email(name))] == statuses


@pytest.mark.parametrize(
    ("name", "status", "dates"),
    [
        ("notion_active", "Active", (None, None)),
        ("notion_ended", "Graduated", (None, "2025-08-15")),
        ("notion_dropped", "Dropped", ("2025-07-09", None)),
        ("notion_ended_without_date", "Ended", (None, None)),
        ("email_in_capitals", "Active", (None, None)),
    ],
)
def test_notion_s_page_of_a_case(
    cases: Books, name: str, status: str, dates: tuple[str | None, str | None]
) -> None:
    (page,) = cases.pages_of(_email(name))
    shown = page["properties"]
    starts = [shown[key]["date"] and shown[key]["date"]["start"] for key in ("Drop Date", "Certificated At")]
    assert (shown["Educational Status"]["select"]["name"], *starts) == (status, *dates)


def test_a_client_in_notion_only_is_in_no_other_system(cases: Books) -> None:
    email = _email("notion_only")
    assert len(cases.pages_of(email)) == 1
    assert (cases.contacts_of(email), cases.students_of(email), cases.courses_of(email)) == ([], [], [])


def test_resigned_clients_are_not_in_notion_and_bought_in_july(cases: Books) -> None:
    (document,) = cases.documents_of(_email("resigned"))
    assert document["subtotal"] == 1000
    assert cases.pages_of(_email("resigned")) == []
    assert len(cases.students_of(_email("resigned"))) == 1


def test_instalments_are_six_invoices_of_1000(cases: Books) -> None:
    documents = cases.documents_of(_email("instalments"))
    assert [document["subtotal"] for document in documents] == [1000] * 6
    assert len({document["date"] for document in documents}) == 6


def test_discount_and_tax_leave_6300_before_tax(cases: Books) -> None:
    (document,) = cases.documents_of(_email("discount_and_tax"))
    service, book = document["products"]
    assert (service["price"], service["units"], service["discount"], service["tax"]) == (2333.3333, 3, 10, 21)
    assert (document["subtotal"], document["tax"], document["total"]) == (6335, 1324.4, 7659.4)
    assert cases.channels[book["account"]] == "Books and merchandise"


def test_credit_notes_correct_their_client_s_invoice(cases: Books) -> None:
    for name, amounts in (("credited_in_part", [6000, 1000]), ("credited_in_full", [6000, 6000])):
        invoice, note = cases.documents_of(_email(name))
        assert [invoice["subtotal"], note["subtotal"]] == amounts
        assert note["from"] == {"docType": "invoice", "id": invoice["id"]}
    (alone,) = cases.documents_of(_email("negative_contract"))
    assert alone["docNumber"].startswith("CN")
    assert "from" not in alone


def test_one_of_three_documents_counts_beside_a_draft_and_a_cancelled_one(cases: Books) -> None:
    counting, draft, cancelled = cases.documents_of(_email("drafts_and_cancelled"))
    assert (counting["subtotal"], cancelled["status"], cancelled["subtotal"]) == (1000, 3, 4000)
    assert draft["docNumber"] is None or draft["approvedAt"] is None


def test_siblings_share_one_student_and_the_registered_twice_one_contact(cases: Books) -> None:
    siblings, twice = _email("siblings"), _email("registered_twice")
    assert (len(cases.contacts_of(siblings)), len(cases.students_of(siblings))) == (2, 1)
    assert (len(cases.contacts_of(twice)), len(cases.students_of(twice))) == (1, 2)
    newest = max(cases.students_of(twice), key=lambda row: str(row["created_at"]))
    assert cases.courses_of(twice)[0]["user"]["id"] == newest["user"]["id"]


def test_a_paid_invoice_in_part_still_owes_a_quarter(cases: Books) -> None:
    (document,) = cases.documents_of(_email("paid_in_part"))
    assert (document["paymentsTotal"], document["paymentsPending"]) == (4500, 1500)
    assert [payment["amount"] for payment in document["paymentsDetail"]] == [1500, 3000]


@pytest.mark.parametrize(
    ("name", "total", "payments"),
    [
        ("paid_in_two_months", 1210, [("2025-08", 484), ("2025-09", 726)]),
        ("overpaid", 1210, [("2025-08", 1210), ("2025-08", 121)]),
        ("paid_in_advance", 1210, [("2025-08", 1210)]),
        ("refunded", 1210, [("2025-08", 1210), ("2025-09", -363)]),
        ("withheld", 1060, [("2025-10", 1060)]),
        ("payment_taken_out", 1210, [("2025-08", 1210)]),
    ],
)
def test_clients_pay_in_parts_too_much_too_early_and_less_what_they_withhold(
    name: str, total: int, payments: list[tuple[str, int]], cases: Books
) -> None:
    (document,) = cases.documents_of(_email(name))
    assert (document["total"], document["subtotal"], document["tax"]) == (total, 1000, 210)
    paid = [
        (f"{datetime.fromtimestamp(one['date'], MADRID):%Y-%m}", one["amount"])
        for one in document["paymentsDetail"]
    ]
    assert paid == payments
    assert document["paymentsPending"] == total - sum(amount for _, amount in payments)
    assert (document["products"][0]["retention"] or 0) == (15 if name == "withheld" else 0)


def test_what_was_credited_is_paid_back_with_a_payment_of_the_credit_note(cases: Books) -> None:
    books, returned = cases.documents_of(_email("credited_and_paid_back"))
    assert (books["total"], returned["total"], returned["from"]["id"]) == (364, 145.6, books["id"])
    assert [one["amount"] for one in returned["paymentsDetail"]] == [145.6]


def test_programs_name_their_services_but_for_one_that_none_does(cases: Books) -> None:
    def words(text: str) -> str:
        return " ".join(re.sub(r"[^\w]+", " ", text.casefold()).split())

    services = [f" {words(name)} " for name in cases.channels.values()]
    programs = {words(row["cohort"]["syllabus_version"]["name"]) for row in cases.courses}
    assert programs == {"full stack", "data science", "robotics"}
    unmatched = {name for name in programs if not any(f" {name} " in service for service in services)}
    assert unmatched == {"robotics"}


def test_news_come_to_light_once_and_the_cache_does_not_know_them() -> None:
    config = SandboxConfig(until=UNTIL, companies=1, students=0, invoices=0, rate_limit=None)
    with running_sandbox(config) as running, requests.Session() as session:
        clients = Holded(running, session), FourGeeks(running, session), Notion(running, session)
        before = Books(*clients)
        told = session.post(f"{running.base_url}/sandbox/news", timeout=TIMEOUT_SECONDS).json()
        assert told == {"status": "told", "news": 5}
        assert session.post(f"{running.base_url}/sandbox/news", timeout=TIMEOUT_SECONDS).json()["news"] == 0
        after = Books(*clients)
        stale = clients[1].memberships(cache="")

    def status(courses: list[Record], name: str) -> tuple[str, str]:
        (row,) = [row for row in courses if row["user"]["email"] == _email(name)]
        return row["educational_status"], row["updated_at"][:10]

    assert status(before.courses, "dropped_back_dated")[0] == "ACTIVE"
    assert status(after.courses, "dropped_back_dated") == ("DROPPED", "2025-09-20")
    assert status(stale, "dropped_back_dated")[0] == "ACTIVE"
    assert status(before.courses, "dropped_then_active") == ("DROPPED", "2025-07-10")
    assert status(after.courses, "dropped_then_active") == ("ACTIVE", "2025-12-31")
    documents = [len(books.documents_of(_email("late_invoice"))) for books in (before, after)]
    assert documents == [1, 3]
    taken_out = [books.documents_of(_email("payment_taken_out"))[0] for books in (before, after)]
    assert [(one["paymentsDetail"] == [], one["paymentsPending"]) for one in taken_out] == [
        (False, 0),
        (True, 1210),
    ]
    assert len(after.documents) == len(before.documents) + 2


def _rows(school: School) -> tuple[Any, ...]:
    return (
        school.channels,
        school.contacts,
        school.documents,
        school.students,
        school.memberships,
        school.pages,
    )


def test_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    first, again, other = (
        school_history(SandboxConfig(until=UNTIL, students=40, invoices=90, seed=seed)) for seed in (7, 7, 8)
    )
    assert _rows(first) == _rows(again)
    assert _rows(first) != _rows(other)


@pytest.mark.parametrize(("students", "invoices"), [(0, 0), (30, 10), (30, 200), (0, 9), (2_000, 6_000)])
def test_counts_are_those_asked_for_beside_the_cases(students: int, invoices: int) -> None:
    school = school_history(SandboxConfig(until=UNTIL, students=students, invoices=invoices))
    drawn = [row for rows in school.documents.values() for row in rows if not row.named]
    assert len(drawn) == invoices
    assert len([row for row in school.students if not row.named]) == students
    ids = [row.id for rows in school.documents.values() for row in rows]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("until", [date(2024, 2, 29), date(2025, 3, 1), date(2026, 1, 15)])
def test_cases_lie_in_history_whatever_its_last_day(until: date) -> None:
    school = school_history(SandboxConfig(until=until, students=60, invoices=150))
    last = max(row.at for rows in school.documents.values() for row in rows)
    changed = max(row.updated for row in school.memberships if row.role == "STUDENT")
    assert datetime.fromtimestamp(last, MADRID).date() <= until
    assert changed.date() <= until
    assert max(row.edited.date() for row in school.pages) <= until


def test_the_first_case_s_course_has_sixty_sessions(cases: Books) -> None:
    (course,) = cases.courses_of(_email("active"))
    days = [date.fromisoformat(course["cohort"][key][:10]) for key in ("kickoff_date", "ending_date")]
    length = (days[1] - days[0]).days + 1
    assert (days[0], Decimal(length) / 7 * 3) == (date(2025, 10, 1), 60)


@pytest.mark.parametrize(
    "settings", [{"students": -1}, {"invoices": -1}, {"holded_rate_limit": 0}, {"notion_rate_limit": 0}]
)
def test_settings_out_of_their_range_are_refused(settings: dict[str, Any]) -> None:
    (name,) = settings
    with pytest.raises(ConfigurationError, match=name):
        SandboxConfig(until=UNTIL, **settings)
