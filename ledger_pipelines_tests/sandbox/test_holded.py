"""Holded's pages, windows, oddities and refusals (wire/holded.md)."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
import requests

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.holded.access import HOLDED_BLOCKED_KEY
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines_tests.sandbox.conftest import UNTIL
from ledger_pipelines_tests.sandbox.school_clients import ALWAYS, MADRID, Holded, Record, midnight


@pytest.fixture(scope="module")
def invoices(holded: Holded) -> list[Record]:
    return holded.documents()


@pytest.fixture(scope="module")
def documents(holded: Holded, invoices: list[Record]) -> list[Record]:
    return [*invoices, *holded.documents("creditnote")]


def _day(document: Record) -> date:
    return datetime.fromtimestamp(document["date"], MADRID).date()


def test_pages_hold_500_whatever_limit_says_and_an_empty_one_ends_them(holded: Holded) -> None:
    sizes = [
        len(holded.ask("/documents/invoice", page=str(page), limit="1000", **ALWAYS).json())
        for page in (1, 2, 3, 4)
    ]
    assert sizes[:2] == [500, 500]
    assert 0 < sizes[2] < 500
    assert sizes[3] == 0


def test_a_client_that_reads_the_first_page_only_misses_most(holded: Holded, invoices: list[Record]) -> None:
    first = holded.ask("/documents/invoice", **ALWAYS).json()
    assert len(first) == 500
    assert len(invoices) == len(holded.sandbox.school.documents["invoice"]) > 1_000
    assert len({document["id"] for document in invoices}) == len(invoices)


@pytest.mark.parametrize("given", [[], ["starttmp"], ["endtmp"]])
def test_a_client_that_forgets_an_end_of_the_window_gets_the_current_year_only(
    holded: Holded, invoices: list[Record], given: list[str]
) -> None:
    params = {name: ALWAYS[name] for name in given}
    found = holded.read("/documents/invoice", **params)
    assert {document["id"] for document in found} == {
        document["id"] for document in invoices if _day(document).year == 2025
    }
    assert len(found) < len(invoices)


def test_a_window_holds_both_its_ends(holded: Holded, invoices: list[Record]) -> None:
    # The first case's invoice is dated the first of October.
    window = {"starttmp": midnight(date(2025, 9, 1)), "endtmp": midnight(date(2025, 10, 1))}
    days = {_day(document) for document in holded.documents(**window)}
    assert min(days) >= date(2025, 9, 1)
    assert max(days) == date(2025, 10, 1)
    expected = [one for one in invoices if date(2025, 9, 1) <= _day(one) <= date(2025, 10, 1)]
    assert len(holded.documents(**window)) == len(expected)


def test_documents_are_dated_by_the_midnight_of_madrid_in_winter_and_summer(documents: list[Record]) -> None:
    moments = [datetime.fromtimestamp(document["date"], MADRID) for document in documents]
    assert {(moment.hour, moment.minute, moment.second) for moment in moments} == {(0, 0, 0)}
    assert {str(moment.utcoffset()) for moment in moments} == {"1:00:00", "2:00:00"}
    assert any(document["accountingDate"] != document["date"] for document in documents)


def test_documents_can_be_had_by_contact_payment_and_order(holded: Holded, invoices: list[Record]) -> None:
    contact = Counter(document["contact"] for document in invoices if document["contact"] != "0")
    ((busiest, count),) = contact.most_common(1)
    assert len(holded.documents(contactid=busiest)) == count

    by_paid = {paid: holded.documents(paid=paid) for paid in ("0", "1", "2")}
    assert sum(map(len, by_paid.values())) == len(invoices)
    assert all(document["paymentsPending"] < 0.01 for document in by_paid["1"])
    assert any(document["paymentsPending"] <= -0.01 for document in by_paid["1"])
    assert all(document["paymentsTotal"] and document["paymentsPending"] >= 0.01 for document in by_paid["2"])

    upward = holded.documents(sort="created-asc")
    assert [one["id"] for one in upward] == [one["id"] for one in reversed(holded.documents())]
    assert upward != invoices


@pytest.mark.parametrize(
    "path", ["/nothing", "/documents/rumour", "/documents", "/contacts/", "/contacts/a/b"]
)
def test_an_unknown_address_is_a_page_with_status_200(holded: Holded, path: str) -> None:
    answer = holded.ask(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("kind", ["invoice", "creditnote"])
def test_a_document_can_be_had_by_its_id_and_an_unknown_one_is_refused(
    holded: Holded, kind: str, documents: list[Record]
) -> None:
    document = holded.documents(kind)[3]
    assert holded.ask(f"/documents/{kind}/{document['id']}").json() == document
    answers = [holded.ask(f"/documents/{kind}/{number}") for number in range(20)]
    assert {answer.status_code for answer in answers} == {400, 200}
    assert all(answer.json() == {"status": 0, "info": "not found"} for answer in answers)


def test_a_contact_can_be_had_by_its_id_and_an_unknown_one_is_refused_with_400_or_200(holded: Holded) -> None:
    contact = holded.read("/contacts")[7]
    assert holded.ask(f"/contacts/{contact['id']}").json() == contact

    answers = [holded.ask(f"/contacts/{number}") for number in range(20)]
    assert {answer.status_code for answer in answers} == {400, 200}
    assert all(answer.json() == {"status": 0, "info": "not found"} for answer in answers)


def test_a_bad_key_is_refused_in_one_of_three_ways(holded: Holded) -> None:
    answers = [holded.ask("/saleschannels", key=f"wrong {number}") for number in range(20)]
    assert {answer.status_code for answer in answers} == {400, 401, 403}
    assert holded.ask("/saleschannels", key=None).status_code == 401
    assert all(answer.json() == {"status": 0, "info": "Invalid key"} for answer in answers)


def test_an_account_that_has_not_paid_is_blocked(holded: Holded) -> None:
    answer = holded.ask("/contacts", key=HOLDED_BLOCKED_KEY)
    assert (answer.status_code, answer.json()["info"]) == (402, "Account has been blocked. Reason: Unpaid")


def test_a_list_may_be_made_to_say_less_than_there_is_until_it_is_healed() -> None:
    config = SandboxConfig(until=UNTIL, companies=1, students=700, invoices=1200, rate_limit=None)
    with running_sandbox(config) as running, requests.Session() as session:
        client = Holded(running, session)
        control = f"{running.base_url}/sandbox/holded-lists"

        def pages(fault: str, name: str = "invoice") -> list[list[Record]]:
            answer = session.post(control, params={"list": name, "fault": fault})
            assert answer.json()["faults"][name] == fault
            path = name if name == "contacts" else f"documents/{name}"
            window = {**ALWAYS, "sort": "created-asc"}
            return [client.ask(f"/{path}", page=str(page), **window).json() for page in (1, 2, 3)]

        whole = client.documents(sort="created-asc")
        assert pages("empty") == [[], [], []]
        assert pages("empty_page") == [whole[:500], [], whole[1000:1500]]
        assert [len(page) for page in pages("short_page")[:2]] == [499, 499]
        assert {str(document["total"]) for page in pages("broken") for document in page} == {
            "{'broken': True}"
        }
        assert all(contact["email"] == {"broken": True} for contact in pages("broken", "contacts")[0])
        # What vanished moves the others up, and one is on neither page.
        first, second, _ = pages("vanishing")
        assert (first, second) == (whole[:500], whole[501:1001])
        assert session.post(control).json() == {"faults": {}}
        assert client.documents(sort="created-asc") == whole[1:]

        refused = session.post(control, params={"list": "rumours", "fault": "empty"})
        assert refused.status_code == 400


def test_requests_over_the_limit_are_told_when_to_come_back() -> None:
    config = SandboxConfig(until=UNTIL, companies=1, students=1, invoices=1, holded_rate_limit=3)
    with running_sandbox(config) as running, requests.Session() as session:
        client = Holded(running, session)
        paths = ("/contacts", "/saleschannels", "/documents/invoice", "/contacts")
        answers = [client.ask(path) for path in paths]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 60
    assert answers[3].json()["status"] == 0


def test_the_usual_limit_is_250_a_minute() -> None:
    config = SandboxConfig(until=UNTIL, companies=1, students=0, invoices=0)
    with running_sandbox(config) as running, requests.Session() as session:
        client = Holded(running, session)
        codes = Counter(client.ask("/saleschannels").status_code for _ in range(255))
    assert codes == {200: 250, 429: 5}


def test_account_numbers_of_sales_channels_come_in_three_ways(holded: Holded) -> None:
    channels = holded.read("/saleschannels")
    kinds = {
        (key, type(channel[key]))
        for channel in channels
        for key in ("accountNum", "accNum")
        if key in channel
    }
    assert kinds == {("accountNum", int), ("accountNum", str), ("accNum", str)}
    numbers = [str(channel.get("accountNum") or channel.get("accNum")) for channel in channels]
    assert sum(number.startswith("7050") for number in numbers) == 7
    assert sum(not number.startswith("7050") for number in numbers) == 3


def test_every_line_is_of_a_sales_channel(holded: Holded, documents: list[Record]) -> None:
    channels = {channel["id"] for channel in holded.read("/saleschannels")}
    for document in documents:
        named = {line["account"] for line in document["products"]}
        assert named <= channels or named == {None}
        assert document["salesChannelId"] in channels if None in named else True
    assert any(line["account"] is None for document in documents for line in document["products"])
    line_ids = [line["line_id"] for document in documents for line in document["products"]]
    assert len(set(line_ids)) == len(line_ids)


def _amount(value: Any) -> Decimal:
    return Decimal(str(value or 0))


def test_amounts_are_numbers_that_add_up_to_the_cent(documents: list[Record]) -> None:
    discounts, signs, retentions = set(), set(), set()
    for document in documents:
        net = [
            (_amount(line["price"]) * line["units"] * (1 - _amount(line["discount"]) / 100)).quantize(
                Decimal("0.01"), ROUND_HALF_UP
            )
            for line in document["products"]
        ]
        discount = _amount(document["discount"])
        discounts.add(discount)
        signs.add(all(line["units"] > 0 for line in document["products"]))
        discounted = abs(sum(net)) * (100 - discount) / 100
        assert discounted.quantize(Decimal("0.01"), ROUND_HALF_UP) == _amount(document["subtotal"])
        withheld = sum(
            (one * _amount(line["retention"]) / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
            for one, line in zip(net, document["products"], strict=True)
        )
        retentions.update(_amount(line["retention"]) for line in document["products"])
        # A discount of the document's leaves less to withhold.
        withheld = (abs(withheld) * (100 - discount) / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
        before = _amount(document["subtotal"]) + _amount(document["tax"])
        assert before - withheld == _amount(document["total"])
        paid = sum((_amount(payment["amount"]) for payment in document["paymentsDetail"]), Decimal(0))
        assert paid == _amount(document["paymentsTotal"])
        back = sum(-_amount(one["amount"]) for one in document["paymentsDetail"] if one["amount"] < 0)
        assert back == _amount(document["paymentsRefunds"])
        assert paid + _amount(document["paymentsPending"]) == _amount(document["total"])
    assert (discounts, signs, retentions) == ({0, 20}, {True, False}, {0, 15})


def test_numbers_may_be_empty_text_and_a_sku_the_number_0(documents: list[Record]) -> None:
    for key in ("tax", "discount", "currencyChange", "paymentsTotal", "paymentsRefunds"):
        assert "" in {document[key] for document in documents}, key
    lines = [line for document in documents for line in document["products"]]
    for key in ("tax", "discount", "retention"):
        assert "" in {line[key] for line in lines}, key
    assert {type(line["sku"]) for line in lines} == {int, str}
    assert {type(document["total"]) for document in documents} == {int, float}


def test_drafts_cancelled_ones_and_documents_without_a_contact_occur(documents: list[Record]) -> None:
    drafts = [one for one in documents if one["docNumber"] is None or one["approvedAt"] is None]
    signs = {(one["docNumber"] is None, one["approvedAt"] is None) for one in drafts}
    assert signs == {(True, True), (True, False), (False, True)}
    assert any(one["status"] == 3 for one in documents)
    assert any(one["contact"] == "0" and one["contactName"] == "" for one in documents)
    # The status cannot be trusted: some that are paid say otherwise.
    assert {0, 1} <= {one["status"] for one in documents if abs(one["paymentsPending"]) < 0.01}


def test_credit_notes_are_positive_and_name_the_invoice_they_correct(
    holded: Holded, invoices: list[Record]
) -> None:
    notes = holded.documents("creditnote")
    known = {document["id"]: document for document in invoices}
    made = [note for note in notes if "from" in note]
    assert made
    assert all(known[note["from"]["id"]]["contact"] == note["contact"] for note in made)
    assert all(note["total"] > 0 for note in notes)
    assert all(note["docNumber"] is None or note["docNumber"].startswith("CN") for note in notes)
    assert not any("from" in document for document in invoices)


def test_history_is_that_of_codex_with_documents_in_every_month(documents: list[Record]) -> None:
    months = {_day(document).strftime("%Y-%m") for document in documents}
    assert months == {f"{year}-{month:02d}" for year in (2024, 2025) for month in range(1, 13)}
    assert max(map(_day, documents)) <= UNTIL
    assert {document["currency"] for document in documents} == {"eur", "EUR", "usd", "USD"}
    euros = sum(document["currency"].lower() == "eur" for document in documents)
    assert len(documents) / 2 < euros < len(documents)
