"""People: who is paid for (rules/billing.md, Users).

A contact that stands under several companies is a user of each, and its override holds in each. A blank type
counts as none; a contact that is not known to be inactive is active.
"""

from __future__ import annotations

import numpy as np

from ledger_pipelines.billing.index import StatementIndex
from ledger_pipelines.billing.inputs import BillingInputs
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.billing.priced import CUSTOM, Priced, PricedCharges, Vocabulary, charge
from ledger_pipelines.columns import (
    column,
    mask,
    named,
    present,
    small_units,
    take,
    trimmed,
)

PAID, FREE = "Paid", "Free"

USER_TYPES = Vocabulary(
    kind="user",
    noun="user",
    type_field="payment_type",
    rates={PAID: "per_user_cost", FREE: None, CUSTOM: None},
    described="{name} ({type})",
)


def charge_users(inputs: BillingInputs, terms: Terms, currency: str) -> PricedCharges:
    """A line for each contact and for each user added by hand."""
    sources = [_contacts(inputs, terms.index), _by_hand(inputs, terms.index)]
    return charge(terms, USER_TYPES, sources, currency)


def _contacts(inputs: BillingInputs, index: StatementIndex) -> Priced:
    contacts, rows = index.billed(inputs.read("contacts"))
    edits = index.edits(inputs.read("user_billing_overrides"), "user_id")
    overrides, ids = edits.frame, column(contacts, "id")
    override = edits.rows("user_id", index.month[rows], ids)
    written = take(trimmed(column(overrides, "payment_type")), override)
    costs = take(column(overrides, "custom_cost"), override)
    active = mask(column(contacts, "active").fill_null(True))
    return Priced(
        source_type="contact",
        rows=rows,
        ids=ids,
        names=named(column(contacts, "name"), "Contact", ids),
        written=written,
        types=USER_TYPES.read(
            written, lambda: np.where(active, USER_TYPES.code(PAID), USER_TYPES.code(FREE))
        ),
        costs=small_units(costs),
        costed=present(costs),
    )


def _by_hand(inputs: BillingInputs, index: StatementIndex) -> Priced:
    manual, rows = index.billed_in_force(
        index.edits(inputs.read("manual_users"), "account_number", "full_name")
    )
    ids, written = column(manual, "id"), trimmed(column(manual, "payment_type"))
    return Priced(
        source_type="manual_user",
        rows=rows,
        ids=ids,
        names=named(column(manual, "full_name"), "User", ids),
        written=written,
        types=USER_TYPES.read(written),
        costs=small_units(column(manual, "custom_cost")),
        costed=present(column(manual, "custom_cost")),
    )
