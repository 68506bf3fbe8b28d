"""The dashboard shows the database's figures and the list that was asked for, and stays small with many companies."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from decimal import Decimal
from typing import Any

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.editing import Edit, Editor, set_row
from ledger_pipelines.store.edits.tables import ITEMS, OVERRIDES, PLANS
from ledger_pipelines.store.queries.month_states import month_states
from ledger_pipelines.workflows.edits import consequences
from ledger_pipelines_tests.console.pages.conftest import Asking
from ledger_pipelines_tests.runs.standing_in import StandIn
from ledger_pipelines_tests.workflows.billed_books import MONTHS, bill_months, insert

HOSTILE = "=1+1<script>alert(1)</script>{{ 7*7 }}"


def found(database: Database, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        return connection.execute(query, values).fetchall()  # type: ignore[arg-type]


def listed_accounts(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/client/[^"]*">([^<]*)</a>', text)


def test_figures_are_the_databases(book: Database, asking: Asking) -> None:
    shown = asking(book).get("/").text
    totals = dict(found(book, "SELECT month, sum(total) FROM billing_statements GROUP BY month"))
    now, before = totals[MONTHS[2]], totals[MONTHS[1]]
    assert "<h1>March 2025</h1>" in shown
    assert f"{now:,.2f} <small>USD</small>" in shown
    assert f"{now - before:+,.2f} <small>{100 * (now - before) / before:+.1f}&nbsp;%</small>" in shown
    for account, total in found(
        book, "SELECT account_number, total FROM billing_statements WHERE month = %s", MONTHS[2]
    ):
        row = shown[shown.index(f">{account}</a></th>") :]
        assert f">{total:,.2f}</td>" in row[: row.index("</tr>")]


def test_what_a_run_writes_is_shown_at_once(own_book: Database, asking: Asking) -> None:
    asked, total = asking(own_book), "SELECT sum(total) FROM billing_statements WHERE month = '2025-03-01'"
    listed = "/api/billing/dashboard?year=2025&month=3"
    ((before,),) = found(own_book, total)
    for path in ("/?month=2025-03", listed):
        asked.get(path)
    values = {"per_user_cost": Decimal(999), "per_user_cost_enabled": True}
    set_row(own_book, OVERRIDES["client"], {"account_number": "620500"}, values, by=Editor("Ada"))
    waiting = {
        one["account_number"]: one["edited_since_run"] for one in asked.get(listed).json()["companies"]
    }
    assert waiting["620500"]
    assert list(waiting.values()).count(True) == 1
    bill_months(own_book, MONTHS[1:])
    ((after,),) = found(own_book, total)
    assert after != before
    assert f"{after:,.2f} <small>USD</small>" in asked.get("/?month=2025-03").text
    companies = asked.get(listed).json()["companies"]
    assert Decimal(str(round(sum(one["total_bill"] for one in companies), 2))) == after
    assert not any(one["edited_since_run"] for one in companies)


def test_a_month_is_draft_or_final_and_must_be_the_ledgers(book: Database, asking: Asking) -> None:
    asked = asking(book)
    final, draft = asked.get("/?month=2025-01").text, asked.get("/?month=2025-02").text
    assert ">final</span>" in final
    assert "Run this month" not in final
    assert ">draft</span>" in draft
    assert "Run this month" in draft
    assert asked.get("/?month=2031-01").status_code == 404
    assert asked.get("/?month=2025-13").status_code == 422
    assert asked.get("/?month=%00").status_code == 422
    assert asking(book, "technician").get("/").status_code == 403


def test_months_before_the_first_have_tickets_only_and_are_offered_to_nobody(
    own_book: Database, asking: Asking
) -> None:
    with own_book.connect() as connection:
        connection.execute("UPDATE ledger_settings SET value = '2025-01' WHERE name = 'first_month'")
        connection.execute("INSERT INTO ledger_periods (month) VALUES ('2024-06-01'), ('2024-07-01')")
    asked = asking(own_book)
    assert "2024-06" not in asked.get("/").text
    assert asked.get("/?month=2024-06").status_code == 404
    assert month_states(own_book)[0][0] >= date(2025, 1, 1)
    charge = {
        "account_number": "A1",
        "name": "Early",
        "one_off_fee": 5,
        "one_off_year": 2024,
        "one_off_month": 6,
    }
    assert consequences(own_book, ITEMS["charge"], Edit(None, {**charge, "from_month": None}))[-1] == (
        "2024-06 is before the ledger's first month, 2025-01: the charge is on no statement; give it an open month."
    )


def test_what_is_missing_is_named_with_why(own_book: Database, asking: Asking) -> None:
    with own_book.connect() as connection:
        connection.execute(
            "DELETE FROM billing_statements WHERE account_number = '620521' AND month = '2025-03-01'"
        )
        connection.execute("DELETE FROM companies WHERE account_number = '620500' AND month = '2025-03-01'")
        connection.execute(
            "DELETE FROM billing_statements WHERE account_number = '620500' AND month = '2025-03-01'"
        )
        connection.execute(
            """INSERT INTO integration_errors (integration_name, operation_type, entity_type, external_id, error_message,
                 months) VALUES ('billing', 'statements', 'company', 'no-plan', 'It is on <no> plan.', '{2025-03-01}')"""
        )
    shown = asking(own_book).get("/?month=2025-03").text
    missing = shown[shown.index("What is missing") : shown.index("<h2>Companies")]
    assert "3 companies without a statement" in missing
    assert "It is on &lt;no&gt; plan." in missing
    assert "1 open error" in missing
    assert "run it again" in missing
    assert "Codex has no such company" in missing
    # Who is inactive is missed by nobody.
    assert ">off<" not in missing
    before = found(
        own_book,
        "SELECT total FROM billing_statements WHERE account_number = '620500' AND month = '2025-02-01'",
    )
    assert f"It was charged {before[0][0]:,.2f} USD the month before." in missing


def test_lists_are_filtered_sorted_and_exported_as_they_are_shown(book: Database, asking: Asking) -> None:
    asked = asking(book)
    by_total = [row[0] for row in found(
        book, "SELECT account_number FROM billing_statements WHERE month = %s ORDER BY total DESC", MONTHS[2]
    )]  # fmt: skip
    assert listed_accounts(asked.get("/?sort=-total").text) == by_total
    assert listed_accounts(asked.get("/?sort=total").text) == by_total[::-1]
    assert listed_accounts(asked.get("/?plan=Gold&sort=account_number").text) == ["6205 ÅØ", "620500"]
    assert listed_accounts(asked.get("/?q=20521").text) == ["620521"]
    assert listed_accounts(asked.get("/?q=%25").text) == []
    assert listed_accounts(asked.get("/?term=3+Year").text) == []
    assert listed_accounts(asked.get("/?show=expiring").text) == []
    assert listed_accounts(asked.get("/?sort=nothing&page=99999999&show=nothing").text) == []
    rows = list(csv.DictReader(io.StringIO(asked.get("/dashboard.csv?sort=-total&plan=Gold").text)))
    assert [row["Account"] for row in rows] == [one for one in by_total if one != "620521"]
    totals = found(
        book,
        "SELECT sum(total) FROM billing_statements WHERE month = %s AND billing_plan = 'Gold'",
        MONTHS[2],
    )
    assert sum(Decimal(row["Total"]) for row in rows) == totals[0][0]
    workbook = asked.get("/dashboard.xlsx?sort=-total")
    assert workbook.content.startswith(b"PK")
    assert workbook.headers["content-disposition"] == 'attachment; filename="companies-2025-03.xlsx"'


def test_the_export_has_hours_as_the_page_shows_them(own_book: Database, asking: Asking) -> None:
    with own_book.connect() as connection:
        connection.execute(
            "UPDATE billing_statements SET hours_used = 0.064166666666666667 WHERE month = %s", [MONTHS[2]]
        )
    rows = csv.DictReader(io.StringIO(asking(own_book).get("/dashboard.csv").text))
    assert {row["Hours"] for row in rows} == {"0.06"}


def test_who_was_edited_since_the_run_is_marked(own_book: Database, asking: Asking) -> None:
    asked = asking(own_book)
    assert "every statement has all edits" in asked.get("/").text
    key = {"account_number": "620521", "from_month": None}
    set_row(own_book, OVERRIDES["client"], key, {"per_vm_cost": Decimal(1)}, by=Editor("Ada"))
    assert asked.get("/").text.count('<span class="mark warn">edited since its run') == 1
    assert listed_accounts(asked.get("/?show=edited").text) == ["620521"]
    plan = {"billing_plan": "Gold", "term_length": "1 Year", "from_month": MONTHS[2]}
    set_row(own_book, PLANS, plan, {"per_user_cost": Decimal(1)}, by=Editor("Ada"))
    assert len(listed_accounts(asked.get("/?show=edited").text)) == 3
    assert listed_accounts(asked.get("/?month=2025-01&show=edited").text) == []


def test_an_open_month_is_run_from_here(own_book: Database, asking: Asking, dagster: StandIn) -> None:
    asked = asking(own_book)
    shown = asked.get("/?month=2025-02").text
    form = shown[shown.index('<form method="post" action="/periods/run"') :]
    [sent] = re.findall(r'name="month" value="([^"]*)"', form[: form.index("</form>")])
    assert asked.post("/periods/run", data={"month": sent}).status_code == 303
    assert [run.months for run in dagster.launched] == [[MONTHS[1]]]
    assert dagster.launched[0].tags["user"] == "billing"


def test_names_are_text_wherever_they_stand(own_book: Database, asking: Asking) -> None:
    with own_book.connect() as connection:
        connection.execute(
            "UPDATE billing_statements SET company_name = %s, billing_plan = %s "
            "WHERE account_number = '620500' AND month > '2025-01-01'",
            [HOSTILE, HOSTILE],
        )
    asked = asking(own_book)
    shown = asked.get("/", params={"q": HOSTILE, "plan": HOSTILE}).text
    assert listed_accounts(shown) == ["620500"]
    assert "<script>alert" not in shown
    assert "=1+1&lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }}" in shown
    exported = asked.get("/dashboard.csv?q=1%2B1").text
    assert f"'{HOSTILE}" in exported


def test_a_page_stays_small_with_many_companies(own_book: Database, asking: Asking) -> None:
    with own_book.connect() as connection:
        columns = [
            column
            for (column,) in connection.execute(
                """SELECT column_name FROM information_schema.columns
                   WHERE table_name = 'billing_statements' AND table_schema = 'ledger' ORDER BY ordinal_position"""
            )
        ]
        drawn = {
            "account_number": "'C' || n",
            "company_name": "'Company number ' || n || repeat(' & more', 8)",
        }
        selected = ", ".join(drawn.get(name, name) for name in columns)
        connection.execute(
            f"INSERT INTO billing_statements ({', '.join(columns)}) SELECT {selected} "  # type: ignore[arg-type]
            "FROM billing_statements, generate_series(1, 2000) n "
            "WHERE account_number = '620500' AND month > '2025-01-01'"
        )
    asked = asking(own_book)
    first = asked.get("/?sort=account_number")
    assert len(first.content) < 300_000
    accounts = listed_accounts(first.text)
    assert len(accounts) == 100
    assert "of 2,003" in first.text
    assert "of 21</label>" in first.text
    assert set(accounts).isdisjoint(listed_accounts(asked.get("/?sort=account_number&page=2").text))


def _content(database: Database) -> dict[str, Any]:
    """A number for what each table holds."""
    with database.connect() as connection:
        tables = connection.execute(
            "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'ledger' ORDER BY 1"
        ).fetchall()
        return {
            table: connection.execute(
                f"SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) FROM {table} t"  # type: ignore[arg-type]
            ).fetchone()
            for (table,) in tables
        }


def test_nothing_is_written_by_looking(own_book: Database, asking: Asking) -> None:
    with own_book.connect() as connection:
        insert(
            connection, "custom_line_items", {"account_number": "620521", "name": "Visit", "monthly_fee": 5}
        )
    before, asked = _content(own_book), asking(own_book)
    places = (
        *("/", "/?month=2025-01", "/?show=edited", "/dashboard.csv", "/dashboard.xlsx", "/search?q=620"),
        *("/client/620521", "/client/620521?month=2025-01", "/client/620521/changes", "/client/no-plan"),
        "/client/620521/why?source_type=asset&source_id=20",
    )
    for place in places * 2:
        assert asked.get(place).status_code == 200, place
    assert _content(own_book) == before
