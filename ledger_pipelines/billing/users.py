"""People: who is paid for (rules/billing.md, Users).

A contact that stands under several companies is a user of each, and its override holds in each. A blank type
counts as none; a contact that is not known to be inactive is active.
"""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from ledger_pipelines.billing.inputs import BillingInputs
from ledger_pipelines.billing.lines import labels
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.billing.priced import (
    CUSTOM,
    UNKNOWN,
    PricedCharges,
    Vocabulary,
    added_by_hand,
    charge,
    from_source,
)
from ledger_pipelines.frames import Series, joined, mapped, trimmed

PAID, FREE = "Paid", "Free"

USER_TYPES = Vocabulary(
    kind="user",
    noun="user",
    type_field="payment_type",
    rates={PAID: "per_user_cost", FREE: None, CUSTOM: None},
    describe=lambda names, types: joined(names, " (", types, ")"),
)


def charge_users(inputs: BillingInputs, terms: Terms, currency: str) -> PricedCharges:
    """A line for each contact and for each user added by hand."""
    sources = {"contact": _contacts(inputs, terms)}
    if inputs.manual_users.num_rows:
        sources["manual_user"] = _by_hand(inputs, terms)
    return charge(USER_TYPES, terms, sources, currency)


def _contacts(inputs: BillingInputs, terms: Terms) -> pd.DataFrame:
    contacts = from_source(inputs, terms, "contacts", "user_billing_overrides")
    written = trimmed(contacts["payment_type"])
    return contacts.assign(
        name=labels(contacts["name"], "Contact", contacts["id"]),
        written=written,
        type=user_types(contacts, written),
    )


def user_types(contacts: pd.DataFrame, written: Series) -> Series:
    """The type of each contact (active): the written one, else paid unless inactive."""
    otherwise = mapped(contacts["active"], lambda active: FREE if active is False else PAID, pa.string())
    return USER_TYPES.read(written).fillna(otherwise)


def _by_hand(inputs: BillingInputs, terms: Terms) -> pd.DataFrame:
    manual = added_by_hand(inputs, terms, "manual_users", "full_name")
    written = trimmed(manual["payment_type"])
    return manual.assign(
        name=labels(manual["full_name"], "User", manual["id"]),
        written=written,
        type=USER_TYPES.read(written).fillna(UNKNOWN),
    )
