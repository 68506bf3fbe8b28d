"""`ledger plans`, `ledger overrides` and `ledger items`: what people edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ledger_pipelines.cli.entering import console, enter, person

if TYPE_CHECKING:
    from ledger_pipelines.store.edits.tables import Editable

plans = typer.Typer(help="Billing plans with their rates, beside those of Codex.", no_args_is_help=True)
overrides = typer.Typer(
    help="What is agreed with one company, device or person in place of the plan.", no_args_is_help=True
)
items = typer.Typer(
    help="What is billed beside a snapshot: charges, devices and people that Codex does not have.",
    no_args_is_help=True,
)

_Fields = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME… FIELD=VALUE…", help="What names it, then fields; FIELD= takes a value away."
    ),
]
_Name = Annotated[list[str], typer.Argument(metavar="NAME…", help="What names it, as `list` shows it.")]
_Account = Annotated[str | None, typer.Argument(metavar="[ACCOUNT]", help="One company's only.")]
_From = Annotated[
    str | None, typer.Option("--from-month", help="From when it holds: YYYY-MM; else in all open months.")
]
_Id = Annotated[int | None, typer.Option("--id", help="Which, where several have the same name.")]
_Override = Annotated[Literal["client", "asset", "user", "feature"], typer.Argument(help="Of what.")]
_Item = Annotated[Literal["charge", "asset", "user"], typer.Argument(help="What it is.")]


@plans.command("list")
def list_plans() -> None:
    """The plans that were entered here, each with its rates."""
    from ledger_pipelines.cli.run_edits import print_rows
    from ledger_pipelines.store.edits.tables import PLANS

    print_rows(enter(), {"plan": PLANS}, None, console)


@plans.command("set")
def set_plan(words: _Fields, from_month: _From = None) -> None:
    """Sets rates of a plan: ledger plans set Gold "1 Year" per_user_cost=10. Without a term it is Month to Month."""
    from ledger_pipelines.store.edits.tables import PLANS

    _set(PLANS, words, from_month, None)


@plans.command("remove")
def remove_plan(words: _Name, from_month: _From = None) -> None:
    """Removes a plan: ledger plans remove Gold "1 Year"."""
    from ledger_pipelines.store.edits.tables import PLANS

    _remove(PLANS, words, from_month, None)


@overrides.command("list")
def list_overrides(account: _Account = None) -> None:
    """The overrides, each with what it sets."""
    from ledger_pipelines.cli.run_edits import print_rows
    from ledger_pipelines.store.edits.tables import OVERRIDES

    print_rows(enter(), OVERRIDES, account, console)


@overrides.command("set")
def set_override(of: _Override, words: _Fields, from_month: _From = None) -> None:
    """Sets what is agreed: ledger overrides set client 620547 per_user_cost=12 billing_plan=Gold."""
    from ledger_pipelines.store.edits.tables import OVERRIDES

    _set(OVERRIDES[of], words, from_month, None)


@overrides.command("remove")
def remove_override(of: _Override, words: _Name, from_month: _From = None) -> None:
    """Removes an override: ledger overrides remove asset 1234."""
    from ledger_pipelines.store.edits.tables import OVERRIDES

    _remove(OVERRIDES[of], words, from_month, None)


@items.command("list")
def list_items(account: _Account = None) -> None:
    """The charges, devices and people that are billed beside the snapshots."""
    from ledger_pipelines.cli.run_edits import print_rows
    from ledger_pipelines.store.edits.tables import ITEMS

    print_rows(enter(), ITEMS, account, console)


@items.command("set")
def set_item(of: _Item, words: _Fields, from_month: _From = None, row_id: _Id = None) -> None:
    """Sets an item: ledger items set charge 620547 Monitoring monthly_fee=49."""
    from ledger_pipelines.store.edits.tables import ITEMS

    _set(ITEMS[of], words, from_month, row_id)


@items.command("remove")
def remove_item(of: _Item, words: _Name, from_month: _From = None, row_id: _Id = None) -> None:
    """Removes an item: ledger items remove charge 620547 Monitoring."""
    from ledger_pipelines.store.edits.tables import ITEMS

    _remove(ITEMS[of], words, from_month, row_id)


def _set(editable: Editable, words: list[str], from_month: str | None, row_id: int | None) -> None:
    from ledger_pipelines.cli.run_edits import set_

    set_(enter(), editable, words, from_month=from_month, row_id=row_id, person=person(), console=console)


def _remove(editable: Editable, words: list[str], from_month: str | None, row_id: int | None) -> None:
    from ledger_pipelines.cli.run_edits import remove

    remove(enter(), editable, words, from_month=from_month, row_id=row_id, person=person(), console=console)
