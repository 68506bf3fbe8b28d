"""What edits that nobody has saved would make of statements, for pages to show beside their forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ledger_pipelines.console.context import Console
from ledger_pipelines.store.edits.history import RecordedEdit
from ledger_pipelines.store.queries.month_states import accounts_of_record, month_states, open_months_of
from ledger_pipelines.workflows.preview import PlanPreview, PreviewedMonth, preview, preview_plans
from ledger_pipelines.workflows.proposals import Proposal, putting_back

#: How many open months are previewed, the latest ones; and how many companies' that share a device or a person.
MOST_MONTHS, _MOST_COMPANIES = 12, 3
_RECORDS = {
    "asset_billing_overrides": ("assets", "asset_id"),
    "user_billing_overrides": ("contacts", "user_id"),
}


@dataclass(frozen=True, slots=True)
class CompanyPreview:
    """A company's open months before and after, the latest first; closed ones are not among them.

    `is_all` is false where it has more.
    """

    account: str
    months: Sequence[PreviewedMonth]
    is_all: bool = True

    @property
    def difference(self) -> Decimal:
        """By how much all of these months change."""
        return sum((month.difference for month in self.months), Decimal(0))


@dataclass(frozen=True, slots=True)
class Previewed:
    """What edits would change: of companies, or where they are of plans, of all companies on these.

    `notes` are sentences on what follows that one may not expect.
    """

    companies: Sequence[CompanyPreview] = ()
    plans: PlanPreview | None = None
    notes: Sequence[str] = ()


def of_company(console: Console, account: str, proposals: Sequence[Proposal]) -> Previewed:
    """What these edits would make of a company's latest open months. Raises LedgerError where they would be refused."""
    open_months = open_months_of(console.database, account, most=MOST_MONTHS + 1)
    months = open_months[-MOST_MONTHS:]
    found = preview(console.database, console.settings, account, months, proposals) if months else []
    return Previewed([CompanyPreview(account, found[::-1], months == open_months)])


def of_plans(console: Console, plans: Sequence[str], proposals: Sequence[Proposal]) -> Previewed:
    """What these edits of plans would make of the latest open month. Raises LedgerError where they would be refused."""
    open_months, _ = month_states(console.database)
    begun = [month for month in open_months if month <= console.today]
    if not begun:
        return Previewed()
    found = preview_plans(console.database, console.settings, begun[-1], plans, proposals)
    return Previewed(plans=found)


def of_putting_back(console: Console, edit: RecordedEdit) -> Previewed:
    """What putting an edit back would change. Raises LedgerError where it cannot be put back."""
    proposals = putting_back(console.database, edit.id)
    row = edit.row
    if not proposals:
        return Previewed()
    if edit.table_name == "billing_plans":
        names = {one["billing_plan"] for one in (edit.before, edit.after) if one is not None}
        return of_plans(console, sorted(names), proposals)
    if "account_number" in row:
        return of_company(console, row["account_number"], proposals)
    if edit.table_name in _RECORDS:
        table, name = _RECORDS[edit.table_name]
        accounts = accounts_of_record(console.database, table, row[name])[:_MOST_COMPANIES]
        return Previewed(
            [one for account in accounts for one in of_company(console, account, proposals).companies]
        )
    return Previewed()
