"""The plans of each month: Codex's and our own, by name and contract term (rules/billing.md, Which plan).

Of two local plans with one key the one that began later holds, then the one entered later; of two of Codex's the one
whose term is written in full. Such a choice is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from ledger_pipelines.billing.contracts import normalise_term
from ledger_pipelines.billing.edits import EVER
from ledger_pipelines.billing.index import month_positions
from ledger_pipelines.billing.inputs import RATES
from ledger_pipelines.billing.problems import billing_problem
from ledger_pipelines.columns import Column, Int64s, column, int64s, small_units, trimmed
from ledger_pipelines.errors import Problem

NO_PLAN = -1
NOT_BILLED = -2

_INACTIVE = "inactive"

#: A plan's month (its position), name and normalised term.
Key = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The plans of each month by their key; `rates` by name, a row for each plan; `choices` where there were several."""

    codex: Mapping[Key, int]
    local: Mapping[Key, int]
    rates: Mapping[str, Int64s]
    support_levels: Column
    choices: list[Problem]

    @classmethod
    def of(cls, plans: pa.Table, billing_plans: pa.Table, days: Int64s) -> Catalogue:
        """The plans of these months (days since 1970, ascending)."""
        rates = {
            name: np.concatenate([small_units(column(frame, name)) for frame in (plans, billing_plans)])
            for name in RATES
        }
        levels = pa.concat_arrays([column(plans, "support_level"), column(billing_plans, "support_level")])
        codex, local = _of_codex(plans, days), _of_our_own(billing_plans, days, plans.num_rows)
        choices = [
            choice
            for found, written, where in (
                (codex, plans["term_length"].to_pylist(), "in Codex"),
                (
                    local,
                    [None] * plans.num_rows + billing_plans["term_length"].to_pylist(),
                    "in billing_plans",
                ),
            )
            for choice in _choices(found, rates, written, where, days)
        ]
        first, last = ({key: rows[0] for key, rows in found.items()} for found in (codex, local))
        return cls(first, last, rates, trimmed(levels), choices)

    def find(self, month: int, name: str | None, term: str) -> int:
        """The row of a plan; NO_PLAN where there is none, NOT_BILLED for one that is called inactive."""
        if name is None:
            return NO_PLAN
        if name.casefold() == _INACTIVE:
            return NOT_BILLED
        key = (month, name, term)
        return self.local.get(key, self.codex.get(key, NO_PLAN))


def _of_codex(plans: pa.Table, days: Int64s) -> dict[Key, list[int]]:
    """The rows of each key, the one that holds first."""
    names, terms = plans["plan_name"].to_pylist(), plans["term_length"].to_pylist()
    found: dict[Key, list[int]] = defaultdict(list)
    months = month_positions(column(plans, "month"), days).tolist()
    for row in sorted(
        range(plans.num_rows),
        key=lambda row: (normalise_term(terms[row]) != terms[row], names[row], str(terms[row])),
    ):
        found[months[row], (names[row] or "").strip(), normalise_term(terms[row])].append(row)
    return found


def _of_our_own(billing_plans: pa.Table, days: Int64s, offset: int) -> dict[Key, list[int]]:
    """The same of those that have begun; the ones of one key began in one month."""
    plans = billing_plans.to_pylist()
    begins = int64s(column(billing_plans, "from_month"), missing=EVER).tolist()
    found: dict[Key, list[int]] = defaultdict(list)
    for month, day in enumerate(days.tolist()):
        latest: dict[Key, int] = {}
        for row in sorted(range(len(plans)), key=lambda row: (begins[row], plans[row]["id"]), reverse=True):
            plan = plans[row]
            key = (month, (plan["billing_plan"] or "").strip(), normalise_term(plan["term_length"]))
            if begins[row] <= day and latest.setdefault(key, begins[row]) == begins[row]:
                found[key].append(offset + row)
    return found


def _choices(
    found: Mapping[Key, Sequence[int]],
    rates: Mapping[str, Int64s],
    terms: Sequence[str | None],
    where: str,
    days: Int64s,
) -> Iterator[Problem]:
    """Each plan that stands several times, and which of them holds; a mere note where their rates are the same."""
    for (place, name, term), rows in found.items():
        if len(rows) == 1:
            continue
        differing = [rate for rate in RATES if len({int(rates[rate][row]) for row in rows}) > 1]
        written = [terms[row] for row in rows]
        told = (
            f"they differ in {', '.join(differing)}, so remove all but one"
            if differing
            else "their rates are the same"
        )
        message = (
            f"The billing plan {name!r} for {term} stands {len(rows)} times {where}, with the terms "
            f"{', '.join(map(repr, written))}, and the first of these is used: {told}."
        )
        details: dict[str, Any] = {"plan_name": name, "terms": written, "differing": differing}
        month = str(np.datetime64(int(days[place]), "D"))[:7]
        choice = billing_problem("plan", f"{name}/{term}", message, details, month)
        yield choice if differing else replace(choice, is_blocking=False)
