"""Which company a department of Freshservice or a site of Datto RMM is (wire/freshservice.md, wire/datto.md).

Its account number speaks where it has one; else its name, whatever the case, where one company only is called so.
"""

from __future__ import annotations

import pandas as pd

from ledger_pipelines.frames import Series, trimmed


def with_owner(rows: pd.DataFrame, companies: pd.DataFrame, *, name: str) -> pd.DataFrame:
    """The rows with `owner`: the account number of the company that claims them, missing where none does.

    `name` is the column with the department's or site's name; `account_number` has what it says of itself. `companies`
    have account_number and name.
    """
    accounts = trimmed(companies["account_number"])
    names = pd.DataFrame({"called": plain(companies["name"]), "named": accounts}).dropna().drop_duplicates()
    names = names[~names["called"].duplicated(keep=False)]
    found = rows.assign(called=plain(rows[name]), own_account=trimmed(rows["account_number"]))
    found = found.merge(names, on="called", how="left")
    by_number = found["own_account"].where(found["own_account"].isin(accounts.dropna()))
    owners = by_number.where(found["own_account"].notna(), found["named"])
    return found.assign(owner=owners).drop(columns=["called", "named", "own_account"])


def plain(names: Series) -> Series:
    """Names as two systems' are compared: without the space around them, and in small letters."""
    return trimmed(names).str.lower()
