"""Records that are billed one line each at the price of their type: devices and people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from ledger_pipelines.billing.edits import in_force
from ledger_pipelines.billing.inputs import BillingInputs
from ledger_pipelines.billing.lines import MANAGED_SERVICES, charged, statement_lines
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.billing.problems import billing_problem
from ledger_pipelines.errors import Problem
from ledger_pipelines.frames import Series, column_of, constant, dtype, mapped, records_of, values_of
from ledger_pipelines.money import RATE
from ledger_pipelines.months import format_month

#: The type that a line shows when its record's is not in the vocabulary: it bills nothing and is a problem.
UNKNOWN = "Unknown"
CUSTOM = "Custom"
#: What a problem says of its record.
_NAMING = ["month", "account_number", "id", "name", "written", "type"]


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


@dataclass(frozen=True, slots=True)
class PricedCharges:
    """Lines (STATEMENT_LINES) and problems."""

    lines: Sequence[pa.Table]
    problems: Sequence[Problem]


def from_source(inputs: BillingInputs, terms: Terms, source: str, overrides: str) -> pd.DataFrame:
    """The source's records that have a `statement` (`Terms.with_statement`), with what people have set of each.

    What both a record and its override have is named `…_override` there.
    """
    records = terms.with_statement(inputs.frame(source))
    edits = inputs.frame(overrides).rename(columns={"asset_id": "id", "user_id": "id"})
    return records.merge(
        in_force(edits, ["id"], terms.months), on=["month", "id"], how="left", suffixes=("", "_override")
    )


def added_by_hand(inputs: BillingInputs, terms: Terms, source: str, thing: str) -> pd.DataFrame:
    """What people have added, once for each `statement` (`Terms.with_statement`) of its account whose month has it.

    `thing` is the column that names, within an account, what a row is of.
    """
    return terms.with_statement(in_force(inputs.frame(source), ["account_number", thing], terms.months))


def charge(
    vocabulary: Vocabulary, terms: Terms, sources: Mapping[str, pd.DataFrame], currency: str
) -> PricedCharges:
    """One line for each record of each source type, also where it bills nothing.

    Records have month, account_number, statement, id, name, written (the type as somebody wrote it), type and
    custom_cost. A type outside the vocabulary, and a Custom without a cost, bill 0 and are problems.
    """
    lines, problems = [], []
    for source_type, records in sources.items():
        if records.empty:
            continue
        rates = _rates(vocabulary, terms, records)
        lines.append(
            statement_lines(
                records.assign(
                    source_id=records["id"].astype(dtype(pa.string())),
                    description=vocabulary.describe(records["name"], records["type"]),
                    rate=rates,
                    amount=charged(rates, currency),
                ),
                source_type=source_type,
                kind=vocabulary.kind,
                item=MANAGED_SERVICES,
                currency=currency,
            )
        )
        has_no_price = (records["type"] == UNKNOWN) | (
            (records["type"] == CUSTOM) & records["custom_cost"].isna()
        )
        problems += [
            _problem(vocabulary, source_type, record)
            for record in records_of(records.loc[has_no_price, _NAMING])
        ]
    return PricedCharges(lines, problems)


def _rates(vocabulary: Vocabulary, terms: Terms, records: pd.DataFrame) -> Series:
    """What each record costs: its type's price on its statement, or its own."""
    types = {**vocabulary.rates, UNKNOWN: None}
    nothing = constant(0, RATE, terms.frame)
    # All statements' prices of the first type, then all of the next: each record's is looked up by its place there.
    prices = pd.concat([nothing if rate is None else terms.frame[rate] for rate in types.values()])
    begins = {name: number * len(terms.frame) for number, name in enumerate(types)}
    places = mapped(records["type"], begins.get, pa.int64()) + records["statement"]
    rates = column_of(values_of(prices).take(values_of(places)), records.index)
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
