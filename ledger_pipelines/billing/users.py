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
from ledger_pipelines.frames import constant, trimmed

PAID, FREE = "Paid", "Free"

USER_TYPES = Vocabulary(
    kind="user",
    noun="user",
    type_field="payment_type",
    rates={PAID: "per_user_cost", FREE: None, CUSTOM: None},
    describe=lambda names, types: names + " (" + types + ")",
)


def charge_users(inputs: BillingInputs, terms: Terms, currency: str) -> PricedCharges:
    """A line for each contact and for each user added by hand."""
    sources = {"contact": _contacts(inputs, terms), "manual_user": _by_hand(inputs, terms)}
    return charge(USER_TYPES, sources, currency)


def _contacts(inputs: BillingInputs, terms: Terms) -> pd.DataFrame:
    contacts = from_source(inputs, terms, USER_TYPES, "contacts", "user_billing_overrides")
    written = trimmed(contacts["payment_type"])
    is_active = contacts["active"].fillna(True)
    otherwise = constant(PAID, pa.string(), contacts).where(is_active, FREE)
    return contacts.assign(
        name=labels(contacts["name"], "Contact", contacts["id"]),
        written=written,
        type=USER_TYPES.read(written).fillna(otherwise),
    )


def _by_hand(inputs: BillingInputs, terms: Terms) -> pd.DataFrame:
    manual = added_by_hand(inputs, terms, USER_TYPES, "manual_users", "full_name")
    written = trimmed(manual["payment_type"])
    return manual.assign(
        name=labels(manual["full_name"], "User", manual["id"]),
        written=written,
        type=USER_TYPES.read(written).fillna(UNKNOWN),
    )
