"""How time grows with data: each benchmark at a hundredth, a tenth and the whole of its size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks import accrual_run, cfo_run, posting_run, saft_run, statement_run
from benchmarks.report import Measure, Section

_SHARES = (100, 10, 1)
#: Ten times the data may take so many times as long before it counts as growing faster than the data.
_FASTER = 11.0
_ACCRUAL_MONTHS = 24


@dataclass(frozen=True, slots=True)
class Sizes:
    """The whole of each benchmark's data: companies of statements and postings, contracts, lines, invoices."""

    companies: int
    contracts: int
    saft_lines: int
    invoices: int


def measure(sizes: Sizes, tell: Callable[[str], None]) -> Iterator[Section]:
    """A section for each benchmark that has a size."""
    seconds: list[tuple[str, str, int, Callable[[int], float]]] = [
        ("Statements", "companies", sizes.companies, lambda n: statement_run.measure(n, 1, tell).run),
        ("Posting", "statements", sizes.companies, lambda n: posting_run.measure(n, tell).post),
        (
            "Accruals",
            "contracts",
            sizes.contracts,
            lambda n: accrual_run.measure(n, _ACCRUAL_MONTHS, tell).run,
        ),
        ("SAF-T import", "lines", sizes.saft_lines, lambda n: saft_run.measure(n, tell).run),
        ("CFO sync", "invoices", sizes.invoices, lambda n: cfo_run.measure(n, tell).sync),
    ]
    for title, what, whole, run in seconds:
        if whole:
            yield section(title, what, [whole // share for share in _SHARES], run)


def section(title: str, what: str, counts: list[int], run: Callable[[int], float]) -> Section:
    """The seconds of `run` at each of the counts, and how they grow from one to the next."""
    taken = [run(count) for count in counts]
    measures = [Measure(f"{count:,} {what}", seconds) for count, seconds in zip(counts, taken, strict=True)]
    for smaller, larger, before, after in zip(counts, counts[1:], taken, taken[1:], strict=False):
        measures.append(Measure(f"{larger:,} / {smaller:,}", after / before, "times", _FASTER))
    return Section(f"Growth of {title}", measures)
