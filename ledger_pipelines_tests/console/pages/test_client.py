"""A company's page is its statement as the database and the rule have it, and every line of it is explained."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pytest

from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.editing import Editor, set_row
from ledger_pipelines.store.edits.history import EditFilter, list_edits
from ledger_pipelines.store.edits.tables import OVERRIDES, PLANS
from ledger_pipelines.workflows.client import background, client_statement
from ledger_pipelines.workflows.explain import explain
from ledger_pipelines.workflows.statement_changes import statement_changes
from ledger_pipelines_tests.console.pages.conftest import Asking
from ledger_pipelines_tests.runs.standing_in import StandIn
from ledger_pipelines_tests.workflows.billed_books import MONTHS

BILLED = ("620500", "620521", "6205 ÅØ")
ADA = Editor("Ada <b>", "agreed & signed")
ONE_OFF = {"name": "Move", "amount": "120.50", "month": "2025-03", "reason": "They moved"}


def page_of(account: str, month: date | None = None, part: str = "") -> str:
    query = f"?month={month:%Y-%m}" if month else ""
    return f"/client/{quote(account, safe='')}{part}{query}"


def rows(database: Database, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        return connection.execute(query, values).fetchall()  # type: ignore[arg-type]


@pytest.mark.parametrize("account", BILLED)
def test_the_page_is_the_statement(book: Database, asking: Asking, account: str) -> None:
    asked = asking(book)
    for month in MONTHS:
        shown = asked.get(page_of(account, month)).text
        assert f'<h2 id="statement-title">Statement {account}-{month:%Y%m}</h2>' in shown
        table = shown[shown.index('<table class="statement">') :]
        table = table[: table.index("</table>")]
        lines = rows(
            book,
            "SELECT description, amount FROM billing_statement_lines WHERE account_number = %s AND month = %s",
            account,
            month,
        )
        told = re.findall(
            r'<td class="words">([^<]*)</td>.*?<td class="number">([^<]*)</td>\s*<td><a ', table, re.S
        )
        assert sorted(told) == sorted((description, f"{amount:,.2f}") for description, amount in lines)
        [(total,)] = rows(
            book,
            "SELECT total FROM billing_statements WHERE account_number = %s AND month = %s",
            account,
            month,
        )
        assert (
            f'>Total</th><td class="type"></td><td></td><td></td><td class="number">{total:,.2f}</td>'
            in table
        )


@pytest.mark.parametrize("account", BILLED)
def test_the_reckoning_gives_what_was_charged(book: Database, account: str) -> None:
    for month in MONTHS:
        client = client_statement(book, Settings(), account, month)
        beside = background(book, client, month)
        hours, pool, statement = beside.hours, beside.backup, client.statement
        assert hours is not None and pool is not None and statement is not None  # noqa: PT018
        assert hours.used - hours.covered_monthly - hours.covered_yearly == hours.billable
        assert max(pool.stored - pool.included, Decimal(0)) - pool.over < Decimal("0.00001")
        assert beside.charged[-1].total == statement["total"]
        assert all(rate.present == rate.billed for rate in beside.rates.values())


def test_every_line_is_explained_by_what_was_billed(book: Database) -> None:
    told: set[str] = set()
    for account in BILLED:
        for month in MONTHS:
            client = client_statement(book, Settings(), account, month)
            assert client.statement is not None
            for line in client.lines:
                why = explain(book, client.statement, line)
                told |= {line["source_type"]}
                # Nothing was edited since: what is entered gives what was billed.
                assert why.rate is None or not why.rate.is_edited_since, (line, why)
                assert not any("since" in reason and "edited" in reason for reason in why.reasons), (
                    why.reasons
                )
                assert why.reasons
                if line["source_type"] in ("asset", "contact"):
                    assert why.record is not None
                    assert why.record["id"] == int(line["source_id"])
                if line["type"] not in ("Custom", "Free", "No Charge") and line["kind"] in ("asset", "user"):
                    assert why.rate is not None
                    assert why.rate.billed == line["rate"]
    assert {"asset", "contact", "manual_asset", "line_item", "backup", "tickets", "ticket"} <= told


def test_a_why_names_the_edit_behind_it_and_of_a_closed_month_what_held_then(
    own_book: Database, asking: Asking
) -> None:
    key = {"account_number": "620521", "from_month": None}
    set_row(own_book, OVERRIDES["client"], key, {"per_workstation_cost": Decimal("7.25")}, by=ADA)
    set_row(
        own_book,
        OVERRIDES["asset"],
        {"asset_id": 20, "from_month": None},
        {"billing_type": "Workstation"},
        by=ADA,
    )
    asked = asking(own_book)
    place = "/client/620521/why?source_type=asset&source_id=20&month="
    draft, final = asked.get(place + "2025-03").text, asked.get(place + "2025-01").text
    assert "people have set Workstation" in draft
    assert "7.25 USD. It is the company&#39;s own rate." in draft
    assert "Ada &lt;b&gt;" in draft
    assert "agreed &amp; signed" in draft
    assert "edited since</span>" not in draft
    # The closed month was billed without them, and is explained as it was then.
    assert "edited since" not in final
    assert "people have set" not in final
    assert "own rate" not in final
    assert "Ada &lt;b&gt;" not in final
    shown = asked.get("/client/620521?month=2025-03").text
    assert "edited since its run" in shown
    stored = rows(
        own_book,
        "SELECT total FROM billing_statements WHERE account_number = '620521' AND month = '2025-03-01'",
    )
    assert f"{stored[0][0]:,.2f}</td><td>USD" not in shown
    fragment = asked.get(place + "2025-03", headers={"HX-Request": "true"}).text
    assert fragment.startswith("<td colspan")
    assert "<html" not in fragment


def test_the_changed_lines_are_what_the_total_changed_by(book: Database, asking: Asking) -> None:
    for account in BILLED:
        for before, month in pairwise(MONTHS):
            client = client_statement(book, Settings(), account, month)
            changes = statement_changes(book, account, month, client.lines)
            totals = dict(
                rows(book, "SELECT month, total FROM billing_statements WHERE account_number = %s", account)
            )
            assert changes.difference == totals[month] - totals[before]
            shown = asking(book).get(page_of(account, month, "/changes")).text
            assert f"{changes.difference:+,.2f}</td></tr></tfoot>" in shown


def test_a_one_off_is_saved_with_who_and_why_and_the_drafts_follow(
    own_book: Database, asking: Asking, dagster: StandIn
) -> None:
    asked = asking(own_book)
    saved = asked.post("/client/620521/one-offs", data=ONE_OFF)
    assert saved.status_code == 303
    shown = asked.get(saved.headers["location"]).text
    assert "charge Move of 620521" in shown
    assert "120.50" in shown
    [edit] = list_edits(own_book, EditFilter(tables=("custom_line_items",), person="billing"))
    assert (edit.person, edit.reason) == ("billing", "They moved")
    assert [run.tags["user"] for run in dagster.launched] == ["billing"]


def test_a_second_one_off_of_a_name_and_month_is_not_added_and_leads_to_the_first(
    own_book: Database, asking: Asking
) -> None:
    asked = asking(own_book)
    asked.post("/client/620521/one-offs", data=ONE_OFF)
    for given in ({"amount": "300"}, {}, {"name": " move"}, {"name": "MOVE", "amount": "300"}):
        answered = asked.post("/client/620521/one-offs", data=ONE_OFF | given)
        assert answered.status_code == 422, given
        assert "There is the charge &#39;Move&#39; of 120.50 in 2025-03 already" in answered.text
        (link,) = re.findall(r'href="([^"]+edit=charge[^"]+)"', answered.text)
        assert 'value="120.5"' in asked.get(link.replace("&amp;", "&")).text
    charge = {"name": "move", "kind": "once", "fee": "5", "once_in": "2025-03", "do": "save"}
    answered = asked.post("/client/620521/settings/charge", data=charge)
    assert (answered.status_code, "120.50 in 2025-03 already" in answered.text) == (422, True)
    fees = rows(own_book, "SELECT name, one_off_fee FROM custom_line_items WHERE name ILIKE 'move'")
    assert fees == [("Move", Decimal("120.5"))]
    assert asked.post("/client/620521/one-offs", data=ONE_OFF | {"month": "2025-02"}).status_code == 303
    number = rows(own_book, "SELECT id FROM custom_line_items WHERE one_off_month = 3 AND name = 'Move'")[0][
        0
    ]
    changed = charge | {"name": "Move", "is_row": "1", "row_id": str(number), "was-fee": "120.5"}
    assert asked.post("/client/620521/settings/charge", data=changed).status_code == 303


def test_what_cannot_be_charged_is_said_beside_the_form(own_book: Database, asking: Asking) -> None:
    asked = asking(own_book)
    wrong = (
        {"month": "2025-01"},
        {"month": "2031-01"},
        {"month": "soon"},
        {"amount": "NaN"},
        {"amount": "much"},
        {"amount": "1e30"},
        {"amount": ""},
        {"name": " "},
        {"name": "a\x00b"},
    )
    for given in wrong:
        answered = asked.post("/client/620521/one-offs", data=ONE_OFF | {"name": "<i>Kept"} | given)
        assert answered.status_code == 422, given
        assert 'role="alert"' in answered.text
        assert "<i>Kept" not in answered.text
        assert ("&lt;i&gt;Kept" in answered.text) == ("name" not in given)
    assert asked.post("/client/unknown/one-offs", data=ONE_OFF).status_code == 404
    assert asking(own_book, "technician").post("/client/620521/one-offs", data=ONE_OFF).status_code == 403
    assert not list_edits(own_book, EditFilter(person="billing"))


def test_who_has_no_statement_is_told_why_and_nobody_is_not_found(book: Database, asking: Asking) -> None:
    asked = asking(book)
    assert (
        "does not exist" in asked.get("/client/no-plan").text
        or "billing plan" in asked.get("/client/no-plan").text
    )
    assert "It is inactive." in asked.get("/client/off").text
    for place in ("/client/none", "/client/%3Cb%3E", "/client/%00", "/client/620521?month=2031-01"):
        answered = asked.get(place)
        assert answered.status_code in (404, 422), place
        assert "<b>" not in answered.text
    for place in (
        "/client/620521/why",
        "/client/620521/why?source_type=asset&source_id=1%27",
        "/client/none/changes",
    ):
        assert asked.get(place).status_code == 404, place
    assert asked.get("/client/620521?month=x").status_code == 422
    assert asking(book, "technician").get("/client/620521").status_code == 403


def test_names_are_text_wherever_they_stand(own_book: Database, asking: Asking) -> None:
    hostile = "</td><script>alert(1)</script>{{ 7*7 }}"
    with own_book.connect() as connection:
        for query in (
            "UPDATE billing_statement_lines SET description = %s, type = 'Workstation' "
            "WHERE account_number = '620521' AND month = '2025-03-01' AND kind = 'asset'",
            "UPDATE billing_statements SET company_name = %s WHERE account_number = '620521' AND month = '2025-03-01'",
            "UPDATE tickets SET subject = %s, requester_name = 'x' "
            "WHERE account_number = '620521' AND month = '2025-03-01'",
            "UPDATE assets SET hostname = %s WHERE account_number = '620521' AND month = '2025-03-01'",
            """INSERT INTO integration_errors (integration_name, operation_type, entity_type, external_id, error_message)
               VALUES ('codex', 'x', 'company', '620521', %s)""",
        ):
            connection.execute(query, [hostile])  # type: ignore[arg-type]
    asked = asking(own_book)
    places = (
        "",
        "/why?source_type=asset&source_id=20",
        "/changes",
    )
    for place in places:
        shown = asked.get(f"/client/620521{place}").text
        assert "<script>alert" not in shown
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }}" in shown, place


def test_an_edit_of_another_term_or_rate_is_not_behind_a_line(own_book: Database) -> None:
    plan = {"billing_plan": "Gold", "term_length": "1 year", "from_month": None}
    for key, values in (
        (plan | {"term_length": "3 Year"}, {"per_user_cost": Decimal(9)}),
        (plan, {"per_hour_ticket_cost": Decimal(8)}),
        (plan, {"per_workstation_cost": Decimal(7)}),
    ):
        set_row(own_book, PLANS, key, values, by=ADA)
    client = client_statement(own_book, Settings(), "6205 ÅØ", MONTHS[2])
    assert client.statement is not None
    line = next(one for one in client.lines if one["type"] == "Workstation")
    why = explain(own_book, client.statement, line)
    assert why.rate is not None
    assert "our own plan Gold for 1 Year" in why.rate.source
    assert line["rate"] == Decimal(7)
    # The row that was new said all its rates; what later edits left alone is not theirs.
    assert [edit.changes[-1].after for edit in why.edits][:1] == [Decimal(7)]
    assert all(edit.row["term_length"] != "3 Year" for edit in why.edits)
