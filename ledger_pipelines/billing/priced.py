"""Records that are billed one line each at the price of their type: devices and people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ledger_pipelines.billing.lines import MANAGED_SERVICES, RATE_UNIT, Stated, charged, statement_lines
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.billing.problems import billing_problem
from ledger_pipelines.columns import Column, Int64s, Mask, array, codes, joined, summed, take
from ledger_pipelines.errors import Problem
from ledger_pipelines.months import format_month

#: The type that a line shows when its record's is none of the vocabulary: it bills nothing and is a problem.
UNKNOWN = "Unknown"
CUSTOM = "Custom"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The types of a kind of record and the rate that each bills (None: nothing, or its own cost).

    `described` is what a line says of a record: `{type}: {name}`, or the name first.
    """

    kind: str
    noun: str
    type_field: str
    rates: Mapping[str, str | None]
    described: str

    @property
    def names(self) -> list[str]:
        """The types by their code; the last is UNKNOWN."""
        return [*self.rates, UNKNOWN]

    def code(self, name: str) -> int:
        """The code of a type of this vocabulary, as it is written here."""
        return self.names.index(name)

    def descriptions(self, names: Column, types: Int64s) -> Column:
        """What lines say of records with these names and types."""
        label, leads = self.described.replace("{name}", ""), self.described.endswith("{name}")
        labels = take(array([label.replace("{type}", name) for name in self.names]), types)
        return joined(labels, names) if leads else joined(names, labels)

    def read(self, written: Column, otherwise: Callable[[], Int64s] | None = None) -> Int64s:
        """The code of each type, written in any case; where none is, what `otherwise` gives, or UNKNOWN."""
        at, distinct = codes(written)
        known = {name.casefold(): code for code, name in enumerate(self.rates)}
        unknown = len(known)
        meant = [
            -1 if text is None else known.get(" ".join(text.casefold().split()), unknown) for text in distinct
        ]
        types = np.array(meant, dtype=np.int64)[at] if distinct else at
        if otherwise is None:
            return np.where(types < 0, unknown, types)
        return np.where(types < 0, otherwise(), types) if (types < 0).any() else types


@dataclass(frozen=True, slots=True)
class Priced:
    """Records of one source, an element for each. `written` is the type as somebody wrote it."""

    source_type: str
    rows: Int64s
    ids: Column
    names: Column
    written: Column
    types: Int64s
    costs: Int64s
    costed: Mask


@dataclass(frozen=True, slots=True)
class PricedCharges:
    """Lines and problems; by statement, how many there are of each type, and the sum in the currency's
    minor unit."""

    lines: Sequence[pa.Table]
    counts: Int64s
    totals: Int64s
    problems: Sequence[Problem]


def charge(terms: Terms, vocabulary: Vocabulary, sources: Sequence[Priced], currency: str) -> PricedCharges:
    """One line for each record, also where it bills nothing.

    A type outside the vocabulary, and a Custom without a cost, bill 0 and are problems.
    """
    statements, width = terms.index.count, len(vocabulary.names)
    prices = np.zeros((statements, width), dtype=np.int64)
    for code, rate in enumerate(vocabulary.rates.values()):
        if rate is not None:
            prices[:, code] = terms.rates[rate]
    counts = np.zeros(statements * width, dtype=np.int64)
    totals = np.zeros(statements, dtype=np.int64)
    lines, problems = [], []
    for source in sources:
        cells = source.rows * width + source.types
        custom = source.types == vocabulary.code(CUSTOM)
        rates = np.where(custom, source.costs, prices.reshape(-1)[cells]) if cells.size else cells
        amounts = charged(rates, RATE_UNIT, currency)
        counts += np.bincount(cells, minlength=counts.size)
        totals += summed(amounts, source.rows, statements)
        stated = Stated(
            source.rows,
            source.source_type,
            source.ids,
            vocabulary.kind,
            take(array(vocabulary.names), source.types),
            MANAGED_SERVICES,
            vocabulary.descriptions(source.names, source.types),
        )
        lines.append(statement_lines(terms, stated, rates=rates, amounts=amounts, currency=currency))
        unknown = source.types == width - 1
        for row in np.flatnonzero(unknown | (custom & ~source.costed)).tolist():
            problems.append(_problem(terms, vocabulary, source, row, is_unknown=bool(unknown[row])))
    return PricedCharges(lines, counts.reshape(statements, width), totals, problems)


def _problem(terms: Terms, vocabulary: Vocabulary, source: Priced, row: int, *, is_unknown: bool) -> Problem:
    statement: dict[str, Any] = terms.frame.slice(int(source.rows[row]), 1).to_pylist()[0]
    key, name, written = str(source.ids[row].as_py()), source.names[row].as_py(), source.written[row].as_py()
    account = statement["account_number"]
    details = {"account_number": account, "name": name, vocabulary.type_field: written}
    whose = f"The {vocabulary.noun} {name!r} ({key}) of company {account}"
    if is_unknown:
        types = ", ".join(vocabulary.rates)
        message = f"{whose} has the billing type {written!r} and is billed 0: choose one of {types}."
    else:
        message = (
            f"{whose} is billed by a custom cost, but none is set, and is billed 0: set its custom cost."
        )
    return billing_problem(source.source_type, key, message, details, format_month(statement["month"]))
