"""A preview is what the run then writes, and writes nothing; a statement is by all that is saved, at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ledger_pipelines.errors import ClosedMonthError, LedgerError
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.editing import Editor, remove_row, set_row
from ledger_pipelines.store.edits.history import EditFilter, list_edits
from ledger_pipelines.store.edits.putting_back import put_back
from ledger_pipelines.store.edits.tables import ITEMS, OVERRIDES, PLANS
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines.workflows import preview as workflow
from ledger_pipelines.workflows.preview import Statement, computed_statements, preview, preview_plans
from ledger_pipelines.workflows.proposals import Proposal, RemoveRow, SetRow, putting_back
from ledger_pipelines.workflows.statements import (
    UnknownCompanyError,
    companies_edited_since_run,
    latest_month,
    statement_of,
)
from ledger_pipelines_tests.workflows.billed_books import (
    ACCOUNTS,
    MONTHS,
    OPEN,
    bill_months,
    copied,
    fill,
    insert,
)

ADA = Editor("Ada")
ACME: dict[str, Any] = {"account_number": "620500", "from_month": None}
#: A case makes and bills a whole book: what fails is told as it was drawn.
_FEW = settings(
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
_CLIENT, _CHARGE = OVERRIDES["client"], ITEMS["charge"]


@pytest.fixture(scope="module")
def filled(server: EmbeddedServer) -> Iterator[Database]:
    """The book as it is billed, to be copied."""
    with copied(server, server.database("template_ledger")) as database:
        fill(database)
        yield database


@pytest.fixture
def book(server: EmbeddedServer, filled: Database) -> Iterator[Database]:
    with copied(server, filled) as database:
        yield database


def stored(database: Database, account: str) -> dict[date, Any]:
    return {one.month: one.before for one in preview(database, Settings(), account, OPEN, [])}


def save(database: Database, proposals: Sequence[Proposal]) -> None:
    for one in proposals:
        if isinstance(one, SetRow):
            set_row(database, one.editable, one.key, one.values, by=ADA, row_id=one.row_id)
        elif isinstance(one, RemoveRow):
            remove_row(database, one.editable, one.key, by=ADA, row_id=one.row_id)


def everything(connection: psycopg.Connection) -> list[Any]:
    tables = (
        "edits",
        "billing_statements",
        "billing_statement_lines",
        "ticket_hours",
        "billing_runs",
        "month_writes",
    )
    tables += ("client_billing_overrides", "custom_line_items", "billing_plans", "manual_assets")
    return [connection.execute(f"SELECT t::text FROM {table} t ORDER BY 1").fetchall() for table in tables]


def test_without_edits_a_preview_is_the_stored_statement_of_every_company(filled: Database) -> None:
    for account in ACCOUNTS:
        before = stored(filled, account)
        with filled.connect() as connection:
            computed = computed_statements(connection, Settings(), account, OPEN)
        assert computed == {month: one for month, one in before.items() if one is not None}
        previewed = preview(filled, Settings(), account, OPEN, [])
        assert [(one.difference, one.lines) for one in previewed] == [(0, [])] * 2


def test_a_statement_that_a_run_writes_meanwhile_has_the_lines_of_its_own_total(
    book: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = workflow.read_months

    def interrupted(connection: psycopg.Connection, table: str, *more: Any, **only: Any) -> Any:
        if table == "billing_statement_lines":
            with book.connect() as other:
                other.execute("DELETE FROM billing_statement_lines WHERE month = %s", [OPEN[0]])
        return read(connection, table, *more, **only)

    monkeypatch.setattr(workflow, "read_months", interrupted)
    found = statement_of(book, Settings(), "620500", OPEN[0]).statement
    assert sum(line["amount"] for line in found.lines) == found.row["total"] != 0
    assert statement_of(book, Settings(), "620500", OPEN[0]).statement.lines == []


_ONE_OFF = {"one_off_fee": Decimal(99), "one_off_year": 2025, "one_off_month": 2}
_RATES = st.sampled_from([None, Decimal(0), Decimal("12.3456"), Decimal(250)])
_BEGINS = st.sampled_from([None, *OPEN])


def _set(editable: Any, values: st.SearchStrategy[dict[str, Any]], **key: Any) -> st.SearchStrategy[Proposal]:
    return st.builds(
        lambda begins, given: SetRow(editable, {**key, "from_month": begins}, given), _BEGINS, values
    )


_PROPOSALS = st.lists(
    st.one_of(
        _set(
            _CLIENT,
            st.fixed_dictionaries(
                {"per_user_cost": _RATES},
                optional={
                    "prepaid_hours_monthly": _RATES,
                    "support_level": st.sampled_from([None, "Gold level"]),
                    "billing_plan": st.sampled_from(["Silver", "Inactive", "Nowhere", None]),
                },
            ),
            account_number="620500",
        ),
        _set(OVERRIDES["asset"], st.just({"billing_type": "Server", "custom_cost": None}), asset_id=11),
        _set(OVERRIDES["user"], st.just({"payment_type": "Custom", "custom_cost": Decimal("7.125")}), user_id=12),
        _set(ITEMS["asset"], st.sampled_from([{"billing_type": "VM"}, {"billing_type": "Firewall", "notes": "x"}]),
             account_number="620500", hostname="SW"),
        _set(ITEMS["user"], st.just({"payment_type": "Paid"}), account_number="620500", full_name="Vaktmester"),
        _set(_CHARGE, st.sampled_from([{"monthly_fee": Decimal("-9.995")}, {"yearly_fee": 5, "yearly_month": 3}]),
             account_number="620500", name="Hosting"),
        st.just(SetRow(_CHARGE, {**ACME, "name": "Set-up"}, _ONE_OFF)),
        _set(PLANS, st.fixed_dictionaries({"per_server_cost": st.sampled_from([Decimal(1), Decimal(77)])}),
             billing_plan="Gold", term_length="1 Year"),
        st.just(RemoveRow(_CLIENT, ACME)),
    ),
    min_size=1,
    max_size=5,
)  # fmt: skip


@settings(_FEW, max_examples=5)
@given(proposals=_PROPOSALS)
def test_a_preview_is_what_the_run_writes_after_saving_and_nothing_is_written_before(
    server: EmbeddedServer, filled: Database, proposals: list[Proposal]
) -> None:
    with copied(server, filled) as database, database.connect() as connection:
        before = everything(connection)
        refusal, previewed = refused(lambda: preview(database, Settings(), "620500", OPEN, proposals))
        if refusal is not None:
            assert refused(lambda: save(database, proposals))[0] == refusal
            return
        assert everything(connection) == before
        save(database, proposals)
        at_once = computed_statements(connection, Settings(), "620500", OPEN)
        assert at_once == {one.month: one.after for one in previewed if one.after is not None}
        waiting = companies_edited_since_run(database, OPEN)
        changed = [one.month for one in previewed if one.before != one.after]
        assert all("620500" in waiting[month] for month in changed)
        bill_months(database, OPEN)
        assert companies_edited_since_run(database, OPEN) == dict.fromkeys(OPEN, frozenset())
        assert stored(database, "620500") == {one.month: one.after for one in previewed}


def refused(act: Callable[[], Any]) -> tuple[str | None, Any]:
    """Why it is refused, or what it gives."""
    try:
        return None, act()
    except LedgerError as error:
        return str(error), None


def test_what_is_saved_is_what_the_next_read_shows_in_open_months_only(book: Database) -> None:
    def totals(account: str = "620500") -> list[Decimal]:
        return [statement_of(book, Settings(), account, month).statement.row["total"] for month in MONTHS]

    before, others = totals(), totals("620521")
    charge = {"monthly_fee": Decimal(100)}
    set_row(book, _CHARGE, {**ACME, "name": "Watch", "from_month": MONTHS[2]}, charge, by=ADA)
    assert totals() == [*before[:2], before[2] + 100]
    assert companies_edited_since_run(book, MONTHS) == {
        MONTHS[0]: frozenset(),
        MONTHS[1]: frozenset(),
        MONTHS[2]: frozenset({"620500"}),
    }
    set_row(book, _CHARGE, {**ACME, "name": "Ever"}, charge, by=ADA)
    assert totals() == [before[0], before[1] + 100, before[2] + 200]
    states = [statement_of(book, Settings(), "620500", month) for month in MONTHS]
    assert [(one.is_final, one.waits_for_run) for one in states] == [
        (True, False),
        (False, True),
        (False, True),
    ]
    assert totals("620521") == others
    bill_months(book, OPEN)
    assert not statement_of(book, Settings(), "620500", MONTHS[2]).waits_for_run
    assert latest_month(book) == MONTHS[2]


def test_an_edit_that_was_not_over_when_the_run_read_waits_for_the_next(book: Database) -> None:
    with book.connect() as connection, connection.transaction():
        insert(
            connection, "custom_line_items", {"account_number": "620500", "name": "Slow", "monthly_fee": 1}
        )
        bill_months(book, OPEN)
    assert companies_edited_since_run(book, OPEN) == dict.fromkeys(OPEN, frozenset({"620500"}))


def test_a_device_s_a_person_s_and_a_plan_s_edit_wait_for_those_whose_they_are(book: Database) -> None:
    def waiting() -> frozenset[str]:
        found = companies_edited_since_run(book, OPEN)[OPEN[0]]
        bill_months(book, OPEN)
        return found

    set_row(book, OVERRIDES["asset"], {"asset_id": 21, "from_month": None}, {"billing_type": "VM"}, by=ADA)
    assert waiting() == {"620521"}
    set_row(book, OVERRIDES["user"], {"user_id": 31, "from_month": None}, {"payment_type": "Free"}, by=ADA)
    assert waiting() == {"6205 ÅØ"}
    key = {"billing_plan": "Gold", "term_length": "1 Year", "from_month": None}
    set_row(book, PLANS, key, {"per_user_cost": Decimal(1)}, by=ADA)
    assert waiting() == {"620500", "6205 ÅØ"}


def test_why_there_is_no_statement_is_said(book: Database) -> None:
    with pytest.raises(UnknownCompanyError, match="no company '999999' in 2025-03"):
        statement_of(book, Settings(), "999999", MONTHS[2])
    with pytest.raises(LedgerError, match=r"no-plan has no statement for 2025-03: .* on the plan 'Lead'"):
        statement_of(book, Settings(), "no-plan", MONTHS[2])
    # A plan of its own helps at once.
    set_row(book, _CLIENT, {**ACME, "account_number": "no-plan"}, {"billing_plan": "Gold"}, by=ADA)
    assert statement_of(book, Settings(), "no-plan", MONTHS[2]).statement.row["billing_plan"] == "Gold"


def test_closed_months_are_not_previewed(book: Database) -> None:
    with pytest.raises(ClosedMonthError, match="2025-01 is closed: its statements stay as they are"):
        preview(book, Settings(), "620500", MONTHS, [])
    with pytest.raises(ClosedMonthError):
        preview_plans(book, Settings(), MONTHS[0], ["Gold"], [])


def test_a_preview_says_what_changes_by_kind_and_line(book: Database) -> None:
    charge = SetRow(_CHARGE, {**ACME, "name": "Watch"}, {"monthly_fee": Decimal("-25.5")})
    (month,) = preview(book, Settings(), "620500", OPEN[:1], [charge])
    assert month.difference == month.charged_difference("total_line_item_charges") == Decimal("-25.5")
    assert month.charged_difference("total_user_charges") == 0
    (line,) = month.lines
    assert line.after is not None
    assert (line.before, line.difference, line.after["description"]) == (None, Decimal("-25.5"), "Watch")


def test_putting_an_edit_back_is_previewed(book: Database) -> None:
    before = stored(book, "620500")
    set_row(book, _CLIENT, ACME, {"per_user_cost": Decimal(99)}, by=ADA)
    edit = list_edits(book, EditFilter())[0]
    previewed = preview(book, Settings(), "620500", OPEN, putting_back(book, edit.id))
    assert {one.month: one.after for one in previewed} == before
    assert all(one.difference < 0 for one in previewed)
    put_back(book, edit.id, ADA)
    with book.connect() as connection:
        assert computed_statements(connection, Settings(), "620500", OPEN) == before


def test_a_plan_s_edit_is_previewed_over_all_companies_on_it(book: Database) -> None:
    month = OPEN[0]
    key = {"billing_plan": "Gold", "term_length": "1 Year", "from_month": None}
    proposal = SetRow(PLANS, key, {"per_hour_ticket_cost": Decimal(10_000)})
    found = preview_plans(book, Settings(), month, ["Gold"], [proposal])
    save(book, [proposal])
    differences = {}
    for account in ("620500", "6205 ÅØ"):
        after = statement_of(book, Settings(), account, month).statement.row["total"]
        with book.connect() as connection:
            query = "SELECT total FROM billing_statements WHERE month = %s AND account_number = %s"
            ((total,),) = connection.execute(query, [month, account]).fetchall()
        differences[account] = after - total
    assert found.companies == 2
    assert {one.account_number: one.difference for one in found.largest} == differences
    assert found.difference == sum(differences.values())
    # By what is saved, and not yet on the statements, too.
    assert preview_plans(book, Settings(), month, ["Gold"], [proposal]).changed == 0
    assert preview_plans(book, Settings(), month, ["Nowhere"], [proposal]).companies == 0


def test_a_statement_has_its_lines(book: Database) -> None:
    statement = statement_of(book, Settings(), "620500", MONTHS[0]).statement
    assert isinstance(statement, Statement)
    assert sum(line["amount"] for line in statement.lines) == statement.row["total"]
