"""Records that are billed one line each at the price of their type: devices and people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from ledger_pipelines.billing.edits import in_force
from ledger_pipelines.billing.inputs import KEY, BillingInputs
from ledger_pipelines.billing.lines import MANAGED_SERVICES, charged, statement_lines
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.billing.problems import billing_problem
from ledger_pipelines.errors import Problem
from ledger_pipelines.frames import Series, constant, dtype, mapped, records_of
from ledger_pipelines.money import RATE
from ledger_pipelines.months import format_month

#: The type that a line shows when its record's is none of the vocabulary: it bills nothing and is a problem.
UNKNOWN = "Unknown"
CUSTOM = "Custom"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The types of a kind of record and the rate that each bills (None: nothing, or its own cost).

    `describe` gives what lines say of records with these names and types.
    """

    kind: str
    noun: str
    type_field: str
    rates: Mapping[str, str | None]
    describe: Callable[[Series, Series], Series]

    def read(self, written: Series) -> Series:
        """The types that are meant, whatever their case and space; UNKNOWN for others, none where none is written."""
        known = {name.casefold(): name for name in self.rates}

        def meant(text: str | None) -> str | None:
            return None if text is None else known.get(" ".join(text.casefold().split()), UNKNOWN)

        return mapped(written, meant, pa.string())

    @property
    def prices(self) -> list[str]:
        """The rates that its types bill."""
        return [rate for rate in self.rates.values() if rate is not None]


@dataclass(frozen=True, slots=True)
class PricedCharges:
    """Lines (STATEMENT_LINES) and problems."""

    lines: Sequence[pa.Table]
    problems: Sequence[Problem]


def from_source(
    inputs: BillingInputs, terms: Terms, vocabulary: Vocabulary, source: str, overrides: str
) -> pd.DataFrame:
    """The source's records that have a statement, with its prices and what people have set of each.

    What both a record and its override have is named `…_override` there.
    """
    records = inputs.frame(source).merge(terms.frame[[*KEY, *vocabulary.prices]], on=KEY)
    edits = inputs.frame(overrides).rename(columns={"asset_id": "id", "user_id": "id"})
    return records.merge(
        in_force(edits, ["id"], terms.months), on=["month", "id"], how="left", suffixes=("", "_override")
    )


def added_by_hand(
    inputs: BillingInputs, terms: Terms, vocabulary: Vocabulary, source: str, thing: str
) -> pd.DataFrame:
    """What people have added, once for each statement of its account whose month has it, with its prices.

    `thing` is the column that names, within an account, what a row is of.
    """
    added = in_force(inputs.frame(source), ["account_number", thing], terms.months)
    return added.merge(terms.frame[[*KEY, *vocabulary.prices]], on=KEY)


def charge(vocabulary: Vocabulary, sources: Mapping[str, pd.DataFrame], currency: str) -> PricedCharges:
    """One line for each record of each source type, also where it bills nothing.

    Records have month, account_number, id, name, written (the type as somebody wrote it), type, custom_cost and the
    vocabulary's prices. A type outside the vocabulary, and a Custom without a cost, bill 0 and are problems.
    """
    lines, problems = [], []
    for source_type, records in sources.items():
        rates = _rates(records, vocabulary)
        lines.append(
            statement_lines(
                records.assign(
                    source_type=source_type,
                    source_id=records["id"].astype(dtype(pa.string())),
                    kind=vocabulary.kind,
                    item=MANAGED_SERVICES,
                    description=vocabulary.describe(records["name"], records["type"]),
                    rate=rates,
                    amount=charged(rates, currency),
                ),
                currency,
            )
        )
        has_no_price = (records["type"] == UNKNOWN) | (
            (records["type"] == CUSTOM) & records["custom_cost"].isna()
        )
        problems += [
            _problem(vocabulary, source_type, record) for record in records_of(records[has_no_price])
        ]
    return PricedCharges(lines, problems)


def _rates(records: pd.DataFrame, vocabulary: Vocabulary) -> Series:
    rates = constant(0, RATE, records)
    for name, rate in vocabulary.rates.items():
        if rate is not None:
            rates = rates.mask(records["type"] == name, records[rate])
    return rates.mask(records["type"] == CUSTOM, records["custom_cost"].fillna(0))


def _problem(vocabulary: Vocabulary, source_type: str, record: Mapping[str, Any]) -> Problem:
    key, name, account = str(record["id"]), record["name"], record["account_number"]
    details = {"account_number": account, "name": name, vocabulary.type_field: record["written"]}
    whose = f"The {vocabulary.noun} {name!r} ({key}) of company {account}"
    if record["type"] == UNKNOWN:
        types = ", ".join(vocabulary.rates)
        message = (
            f"{whose} has the billing type {record['written']!r} and is billed 0: choose one of {types}."
        )
    else:
        message = (
            f"{whose} is billed by a custom cost, but none is set, and is billed 0: set its custom cost."
        )
    return billing_problem(source_type, key, message, details, format_month(record["month"]))
