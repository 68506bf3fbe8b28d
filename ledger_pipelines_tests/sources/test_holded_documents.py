"""Holded's invoices and credit notes over real HTTP: windows, lines, quirks, and what cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from ledger_pipelines.sources.holded.client import HoldedClient
from ledger_pipelines.sources.holded.models import INVOICE_LINES, INVOICES
from ledger_pipelines_tests.sources.conftest import FakeTime, Reply, reply
from ledger_pipelines_tests.sources.school_records import IDES, document, line
from ledger_pipelines_tests.sources.school_servers import HTML, KEY, HoldedLike, running

MARCH, APRIL, JULY = date(2024, 3, 1), date(2024, 4, 1), date(2024, 7, 1)
INVOICE_PATH, CREDIT_PATH = "/documents/invoice", "/documents/creditnote"


@pytest.fixture
def holded() -> Iterator[HoldedLike]:
    with running(HoldedLike()) as server:
        server.lists = {INVOICE_PATH: [], CREDIT_PATH: [], "/contacts": [], "/saleschannels": []}
        yield server


@pytest.fixture
def client(holded: HoldedLike, fake_time: FakeTime) -> Iterator[HoldedClient]:
    with HoldedClient(holded.url, KEY, clock=fake_time.clock, timeout=5) as client:
        yield client


def test_an_invoice_becomes_a_row_and_its_lines_their_own(holded: HoldedLike, client: HoldedClient) -> None:
    paid = [{"id": "p1", "amount": 100, "date": 1711922400}, {"id": "p2", "amount": 190, "date": IDES}]
    holded.lists[INVOICE_PATH] = [
        document(
            products=[
                line(299.99, 2, 10),
                line(33.335, 1, 0, sku="21324t1gv", line_id="l2"),
            ],
            paymentsDetail=paid,
            paymentsTotal=290,
            dueDate=1712959200,
            currencyChange=1.0845,
            desc="  Second instalment ",
            salesChannelId="ch1",
        )
        | {"from": {"docType": "invoice", "id": "inv00000"}}
    ]
    found = client.documents(MARCH, APRIL)
    assert found.problems == []
    assert found.invoices.schema.equals(INVOICES)
    assert found.invoice_lines.schema.equals(INVOICE_LINES)
    assert found.invoices.to_pylist() == [
        {
            "id": "inv00001",
            "document_type": "invoice",
            "document_number": "F00001",
            "contact_id": "c1",
            "contact_name": "Mapple Inc",
            "date": date(2024, 3, 15),
            "due_date": date(2024, 4, 13),
            "currency": "EUR",
            "exchange_rate": Decimal("1.08450000"),
            "discount": Decimal("0.0000"),
            "subtotal": Decimal("299.00"),
            "tax": Decimal("62.79"),
            "total": Decimal("361.79"),
            "payments_total": Decimal("290.00"),
            "payments_pending": Decimal("361.79"),
            "is_draft": False,
            "is_cancelled": False,
            "is_paid": False,
            "last_payment_on": date(2024, 4, 1),
            "approved_at": datetime(2024, 3, 15, 0, 0, tzinfo=UTC),
            "description": "Second instalment",
            "source_document_id": "inv00000",
            "sales_channel_id": "ch1",
        }
    ]
    first, second = found.invoice_lines.to_pylist()
    assert first == {
        "invoice_id": "inv00001",
        "line_number": 1,
        "line_id": "l1",
        "name": "Bootcamp",
        "account_id": "ch1",
        "sku": None,
        "price": Decimal("299.990000"),
        "units": Decimal("2.000000"),
        "discount": Decimal("10.0000"),
        "retention": Decimal("0.0000"),
        "tax_rate": Decimal("21.0000"),
        "net_amount": Decimal("539.98"),
    }
    # 33.335, which a binary double holds as a little less, is half a cent above 33.33.
    assert (second["line_number"], second["sku"], second["net_amount"]) == (2, "21324t1gv", Decimal("33.34"))


@pytest.mark.parametrize(
    ("tax", "rate", "told"),
    [
        (21, "21.0000", []),
        (5.2, "5.2000", []),
        ("10", "10.0000", []),
        ("", "0.0000", []),
        (0, "0.0000", []),
        (None, None, []),
        ("s_iva_21", None, ["the products.0.tax 's_iva_21', which is not a number: it counts without that"]),
        ([21], None, ["the products.0.tax […], which is not a number: it counts without that"]),
        (1_000_000, None, ["the products.0.tax 1000000, which is too large: it counts without that"]),
    ],
)
def test_a_line_s_tax_rate_is_what_it_says_or_nothing(
    tax: object, rate: str | None, told: list[str], holded: HoldedLike, client: HoldedClient
) -> None:
    holded.lists[INVOICE_PATH] = [document(products=[line(tax=tax)])]
    found = client.documents(MARCH, APRIL)
    [row] = found.invoice_lines.to_pylist()
    assert row["tax_rate"] == (None if rate is None else Decimal(rate))
    assert [problem.message for problem in found.problems] == [f"Invoice F00001 has {one}." for one in told]
    assert not any(problem.is_blocking for problem in found.problems)


@pytest.mark.parametrize(
    ("retention", "kept"), [(15, "15"), (-15, "15"), ("15.5", "15.5"), ("", "0"), (None, "0")]
)
def test_what_is_withheld_of_a_line_is_a_percentage_whatever_sign_it_is_written_with(
    retention: object, kept: str, holded: HoldedLike, client: HoldedClient
) -> None:
    holded.lists[INVOICE_PATH] = [document(products=[line(retention=retention)])]
    found = client.documents(MARCH, APRIL)
    assert (found.invoice_lines["retention"].to_pylist(), found.problems) == ([Decimal(kept)], [])


def test_credit_notes_stay_positive_and_stand_beside_the_invoices(
    holded: HoldedLike, client: HoldedClient
) -> None:
    holded.lists[INVOICE_PATH] = [document(2)]
    holded.lists[CREDIT_PATH] = [document(1, docNumber="CN0001", products=[line(100), line(-20)])]
    found = client.documents(MARCH, APRIL)
    kinds = found.invoices.select(["id", "document_type"]).to_pylist()
    assert [tuple(row.values()) for row in kinds] == [("inv00001", "creditnote"), ("inv00002", "invoice")]
    lines = found.invoice_lines.select(["invoice_id", "line_number", "net_amount"]).to_pylist()
    assert [tuple(row.values()) for row in lines] == [
        ("inv00001", 1, Decimal("100.00")),
        ("inv00001", 2, Decimal("-20.00")),
        ("inv00002", 1, Decimal("299.00")),
    ]


def test_a_range_is_one_window_of_each_kind_with_both_its_ends(
    holded: HoldedLike, client: HoldedClient
) -> None:
    client.documents(MARCH, JULY)
    # 2024-03-01 00:00 is winter time in Madrid, 2024-07-01 00:00 is summer time.
    expected = {"starttmp": "1709247600", "endtmp": "1719784800", "sort": "created-asc", "page": "1"}
    assert holded.queries() == [expected | {"page": page} for page in ("1", "2", "1", "2")]
    paths = [INVOICE_PATH, INVOICE_PATH, CREDIT_PATH, CREDIT_PATH]
    assert [seen.path.partition("?")[0] for seen in holded.seen] == paths


@pytest.mark.parametrize(
    ("when", "kept"),
    [
        # 2024-02-29 23:30 UTC is half past midnight on the 1st of March in Madrid.
        (1709249400, True),
        # 2024-02-29 22:59:59 UTC is the last second of February in Madrid.
        (1709247599, False),
        (1709247600, True),
        # 2024-03-31 21:59:59 UTC is the last second of March: the clocks have changed that morning.
        (1711922399, True),
        # 2024-04-01 00:00 in Madrid, which Holded itself counts to the window.
        (1711922400, False),
        # 2024-03-31 23:30 UTC is half past one on the 1st of April in Madrid.
        (1711927800, False),
    ],
)
def test_a_document_belongs_to_its_day_in_madrid(
    when: int, kept: bool, holded: HoldedLike, client: HoldedClient
) -> None:
    holded.lists[INVOICE_PATH] = [document(date=when)]
    found = client.documents(MARCH, APRIL)
    assert found.invoices.num_rows == found.invoice_lines.num_rows == int(kept)
    assert all(MARCH <= row["date"] < APRIL for row in found.invoices.to_pylist())


def test_a_document_that_moves_to_the_next_page_is_taken_once_as_it_then_is(
    holded: HoldedLike, client: HoldedClient
) -> None:
    first = [document(number) for number in range(500)]
    moved = document(499, total=400, products=[line(), line(), line()])
    holded.faults = [reply(first), reply([moved, document(500)])]
    found = client.documents(MARCH, APRIL)
    assert (found.invoices.num_rows, found.invoice_lines.num_rows, found.problems) == (501, 503, [])
    row = next(row for row in found.invoices.to_pylist() if row["id"] == "inv00499")
    assert row["total"] == Decimal("400.00")


@pytest.mark.parametrize(
    ("fields", "draft", "cancelled", "paid"),
    [
        ({"paymentsPending": 0}, False, False, True),
        ({"paymentsPending": 0.009}, False, False, True),
        ({"paymentsPending": -0.0099}, False, False, True),
        ({"paymentsPending": 0.01}, False, False, False),
        ({"paymentsPending": 0, "docNumber": None}, True, False, False),
        ({"paymentsPending": 0, "approvedAt": None}, True, False, False),
        ({"paymentsPending": 0, "status": 3}, False, True, False),
        ({"paymentsPending": 100, "status": 1}, False, False, False),
        ({"paymentsPending": 0, "approvedAt": 0}, True, False, False),
        ({"paymentsPending": 0, "approvedAt": ""}, True, False, False),
        ({"paymentsPending": 0, "docNumber": ""}, True, False, False),
        ({"paymentsPending": 0, "draft": True}, True, False, False),
        ({"paymentsPending": 0, "draft": "true"}, True, False, False),
        ({"paymentsPending": 0, "draft": False}, False, False, True),
        ({"paymentsPending": 0, "draft": 0}, False, False, True),
        ({"paymentsPending": 100, "draft": True, "status": ""}, True, False, False),
    ],
)
def test_draft_cancelled_and_paid_are_told_by_what_can_be_trusted(
    fields: dict[str, Any], draft: bool, cancelled: bool, paid: bool, holded: HoldedLike, client: HoldedClient
) -> None:
    holded.lists[INVOICE_PATH] = [document(**fields)]
    [row] = client.documents(MARCH, APRIL).invoices.to_pylist()
    assert (row["is_draft"], row["is_cancelled"], row["is_paid"]) == (draft, cancelled, paid)


def test_what_holded_leaves_empty_is_null_and_an_empty_number_is_nothing(
    holded: HoldedLike, client: HoldedClient
) -> None:
    bare = document(contact="0", dueDate=0, currencyChange="", tax="", paymentsTotal="", status="", desc=None)
    bare |= {"paymentsDetail": None, "from": [], "salesChannelId": "", "contactName": None}
    bare["products"] = [line("", 2, "", account="", line_id=None, sku="", name=None)]
    holded.lists[INVOICE_PATH] = [bare]
    found = client.documents(MARCH, APRIL)
    assert found.problems == []
    [row], [only] = found.invoices.to_pylist(), found.invoice_lines.to_pylist()
    empty = ("contact_id", "contact_name", "due_date", "exchange_rate", "last_payment_on", "description")
    assert all(row[name] is None for name in (*empty, "source_document_id", "sales_channel_id"))
    assert (row["tax"], row["payments_total"]) == (Decimal("0.00"), Decimal("0.00"))
    assert (only["account_id"], only["sku"], only["line_id"], only["name"]) == (None, None, None, "")
    assert (only["price"], only["discount"], only["net_amount"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ({"date": "2024-03-15"}, "Invoice F00002 has the date '2024-03-15', which is not a date."),
        ({"date": ""}, "Invoice F00002 has no date."),
        ({"date": 1710457200000}, "Invoice F00002 has the date 1710457200000, which is not a date."),
        ({"total": "n/a"}, "Invoice F00002 has the total 'n/a', which is not a number."),
        ({"total": True}, "Invoice F00002 has the total True, which is not a number."),
        ({"subtotal": None}, "Invoice F00002 has no subtotal."),
        ({"paymentsPending": None}, "Invoice F00002 has no paymentsPending."),
        ({"currency": "euro"}, "Invoice F00002 has the currency 'euro', which is not a currency."),
        ({"products": None}, "Invoice F00002 has no products."),
        (
            {"products": [line(), line("12,50")]},
            "Invoice F00002 has the products.1.price '12,50', which is not a number.",
        ),
        ({"products": [line(), line(units=None)]}, "Invoice F00002 has no products.1.units."),
        (
            {"products": [line(12345678901)]},
            "Invoice F00002 has the products.0.price 12345678901, which is too large.",
        ),
        ({"draft": "perhaps"}, "Invoice F00002 has the draft 'perhaps', which is neither true nor false."),
        (
            {"currency": "kwd", "products": [line("1.005")]},
            "Invoice F00002 has the amount 1.005 KWD, and the books keep no more than two digits of it.",
        ),
        ({"id": None}, "Invoice F00002 has no id."),
    ],
)
def test_a_document_that_cannot_be_read_is_one_problem_without_lines(
    broken: dict[str, Any], sentence: str, holded: HoldedLike, client: HoldedClient
) -> None:
    spoilt = document(2, **broken)
    holded.lists[INVOICE_PATH] = [document(1), spoilt, document(3)]
    found = client.documents(MARCH, APRIL)
    assert found.invoices["id"].to_pylist() == ["inv00001", "inv00003"]
    assert found.invoice_lines["invoice_id"].to_pylist() == ["inv00001", "inv00003"]
    [problem] = found.problems
    assert (problem.integration, problem.operation, problem.entity_type) == ("holded", "invoices", "invoice")
    # Its money is named, where its total says what it is.
    is_told = not {"total", "currency"} & broken.keys() or broken.get("currency") == "kwd"
    lost = f", so that its 361.79 {broken.get('currency', 'EUR').upper()} do not count" if is_told else ""
    assert problem.message == f"{sentence.removesuffix('.')}{lost}."
    assert problem.details["record"]["contactName"] == "Mapple Inc"
    if broken.get("id", "") is not None:
        assert problem.external_id == "inv00002"


@pytest.mark.parametrize("nothing", [{}, {"a": [{"password": "hunter2"}]}])
def test_what_has_nothing_of_a_document_does_not_pass_for_a_draft(
    nothing: dict[str, Any], holded: HoldedLike, client: HoldedClient
) -> None:
    holded.lists[INVOICE_PATH] = [document(1), nothing]
    found = client.documents(MARCH, APRIL)
    [problem] = found.problems
    assert problem.is_blocking
    assert problem.message.startswith("An invoice has no ")
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(("moved", "day"), [(12, "1970-01-01"), (32_503_000_000, "2999-12-24")])
def test_a_document_of_another_time_does_not_vanish(
    moved: int, day: str, holded: HoldedLike, client: HoldedClient
) -> None:
    holded.shows_all = True
    holded.lists[INVOICE_PATH] = [document(1), document(2, date=moved), document(3, date=moved, draft=True)]
    found = client.documents(MARCH, APRIL)
    assert found.invoices["id"].to_pylist() == ["inv00001"]
    [problem] = found.problems
    assert (problem.external_id, problem.is_blocking) == ("inv00002", True)
    assert problem.message == (
        f"Invoice F00002 over 361.79 EUR is dated {day} and was shown among documents of other months, so that it is "
        "in none of them: correct its date in Holded."
    )


@pytest.mark.parametrize(
    "draft",
    [
        {"draft": True, "date": 0},
        {"docNumber": None, "total": "?"},
        {"approvedAt": None, "products": None},
        {"approvedAt": 0, "currency": "", "id": None},
    ],
)
def test_nothing_is_wrong_with_a_draft_that_cannot_be_read(
    draft: dict[str, Any], holded: HoldedLike, client: HoldedClient
) -> None:
    holded.lists[INVOICE_PATH] = [document(1), document(2, **draft)]
    found = client.documents(MARCH, APRIL)
    assert (found.invoices["id"].to_pylist(), found.problems) == (["inv00001"], [])


def test_an_invoice_that_does_not_say_when_it_was_approved_is_no_draft(
    holded: HoldedLike, client: HoldedClient
) -> None:
    """Holded's own example is such a one."""
    example = document(1, paymentsTotal=290, paymentsPending=71.79, status=2)
    del example["approvedAt"], example["draft"]
    holded.lists[INVOICE_PATH] = [example]
    [row] = client.documents(MARCH, APRIL).invoices.to_pylist()
    assert (row["is_draft"], row["approved_at"], row["is_paid"]) == (False, None, False)


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        ({"contactName": 7}, "the contactName 7, which is not text: it counts without that"),
        ({"dueDate": "soon"}, "the dueDate 'soon', which is not a date: it counts without that"),
        ({"currencyChange": -1}, "the currencyChange -1, which is negative: it counts without that"),
        ({"discount": "all"}, "the discount 'all', which is not a number: it counts with a discount of 0 %"),
        ({"paymentsTotal": None}, "no paymentsTotal: it counts without that"),
        ({"desc": ["a"]}, "the desc […], which is not text: it counts without that"),
        ({"approvedAt": "soon"}, "the approvedAt 'soon', which is not a date: it counts as approved"),
        ({"salesChannelId": 5}, "the salesChannelId 5, which is not text: it counts without that"),
        ({"products": [line(name=1)]}, "the products.0.name 1, which is not text: it counts without that"),
        ({"products": [line(sku={})]}, "the products.0.sku {…}, which is not text: it counts without that"),
    ],
)
def test_a_field_that_bears_on_nothing_costs_its_document_nothing(
    odd: dict[str, Any], told: str, holded: HoldedLike, client: HoldedClient
) -> None:
    holded.lists[INVOICE_PATH] = [document(2, **odd)]
    found = client.documents(MARCH, APRIL)
    [row], [only] = found.invoices.to_pylist(), found.invoice_lines.to_pylist()
    assert (row["total"], row["is_draft"], only["net_amount"]) == (
        Decimal("361.79"),
        False,
        Decimal("299.00"),
    )
    [problem] = found.problems
    assert (problem.message, problem.is_blocking) == (f"Invoice F00002 has {told}.", False)


def test_amounts_that_came_as_text_are_amounts(holded: HoldedLike, client: HoldedClient) -> None:
    texts = document(products=[line("6000.00", "1", "10")], subtotal="5400.00", tax="", total="5400.00")
    holded.lists[INVOICE_PATH] = [texts]
    found = client.documents(MARCH, APRIL)
    assert (found.problems, found.invoice_lines["net_amount"].to_pylist()) == ([], [Decimal("5400.00")])


def test_a_line_of_a_currency_without_cents_has_none(holded: HoldedLike, client: HoldedClient) -> None:
    holded.lists[INVOICE_PATH] = [document(currency="jpy", products=[line("33333.5")])]
    assert client.documents(MARCH, APRIL).invoice_lines["net_amount"].to_pylist() == [Decimal("33334.00")]


NOT_FOUND = {"status": 0, "info": "not found"}


@pytest.mark.parametrize("absence", [reply(NOT_FOUND), reply(NOT_FOUND, 400), reply({}, 404)])
def test_a_document_that_is_asked_for_by_its_id_is_there_or_gone(
    absence: Reply, holded: HoldedLike, client: HoldedClient
) -> None:
    holded.faults = [reply(document(1)), absence, reply(document(3, total="?"))]
    answers = client.documents_by_id(
        [("invoice", "inv00001"), ("creditnote", "inv/2"), ("invoice", "inv00003")]
    )
    assert [seen.path for seen in holded.seen] == [
        f"{INVOICE_PATH}/inv00001",
        f"{CREDIT_PATH}/inv%2F2",
        f"{INVOICE_PATH}/inv00003",
    ]
    assert answers.found.invoices["id"].to_pylist() == ["inv00001"]
    assert [problem.external_id for problem in answers.found.problems] == ["inv00003"]
    assert (answers.others.gone, answers.others.unanswered) == ({"inv/2"}, ())


@pytest.mark.parametrize("answer", [HTML, reply([]), reply(document(7)), Reply(503)])
def test_what_is_no_answer_is_not_taken_for_absence(
    answer: Reply, holded: HoldedLike, client: HoldedClient
) -> None:
    holded.faults = [reply(document(1))] + [answer] * 20
    answers = client.documents_by_id([("invoice", f"inv0000{number}") for number in (1, 2, 3)])
    assert answers.found.invoices["id"].to_pylist() == ["inv00001"]
    assert (answers.others.gone, answers.others.unanswered) == (frozenset(), ("inv00002", "inv00003"))
    assert answers.others.why.startswith("Holded")
    assert {seen.path for seen in holded.seen} == {f"{INVOICE_PATH}/inv0000{number}" for number in (1, 2)}


def test_a_credit_note_that_cannot_be_read_is_called_so(holded: HoldedLike, client: HoldedClient) -> None:
    holded.lists[CREDIT_PATH] = [document(7, docNumber="CN0007", total="?"), "no record"]
    holded.faults = [reply([])]
    found = client.documents(MARCH, APRIL)
    assert {(problem.entity_type, problem.operation) for problem in found.problems} == {
        ("creditnote", "invoices")
    }
    assert "Credit note CN0007 has the total '?', which is not a number." in [
        problem.message for problem in found.problems
    ]


def test_an_unreadable_document_of_another_month_is_not_this_window_s_problem(
    holded: HoldedLike, client: HoldedClient
) -> None:
    holded.lists[INVOICE_PATH] = [document(date=1711922400, total="?")]
    assert client.documents(MARCH, APRIL).problems == []


def test_a_document_that_is_twice_on_one_page_is_said_and_its_lines_are_there_once(
    holded: HoldedLike, client: HoldedClient
) -> None:
    holded.lists[INVOICE_PATH] = [document(1), document(1)]
    found = client.documents(MARCH, APRIL)
    assert (found.invoices.num_rows, found.invoice_lines.num_rows) == (1, 1)
    assert [problem.message for problem in found.problems] == [
        "Invoice F00001 came 2 times in one answer, the same each time, and counts once."
    ]


def test_texts_that_a_database_cannot_keep_are_mended_also_in_lines(
    holded: HoldedLike, client: HoldedClient
) -> None:
    holded.lists[INVOICE_PATH] = [document(products=[line(name="Boot\0camp \ud83d")], desc="a\0b")]
    found = client.documents(MARCH, APRIL)
    assert found.invoice_lines["name"].to_pylist() == ["Bootcamp ?"]
    assert found.invoices["description"].to_pylist() == ["ab"]


def test_documents_of_no_day_are_the_caller_s_mistake(client: HoldedClient) -> None:
    with pytest.raises(ValueError, match="there is no day"):
        client.documents(MARCH, MARCH)
