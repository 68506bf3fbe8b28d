"""Findings of an asset's checks, month by month, as Dagster shows them.

A run over a range gets one check result for the whole range, which says of each month that fails what was found in
it; each month's own result is reported beside it, so that a month's page shows what was found in that month.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any, Generic, TypeVar

import dagster as dg
import pyarrow as pa

from ledger_pipelines.months import describe_months, format_month, parse_month
from ledger_pipelines.orchestration.partitions import MONTHS, partition_key
from ledger_pipelines.orchestration.previews import preview
from ledger_pipelines.orchestration.resources import LedgerResource
from ledger_pipelines.orchestration.steps import as_dagster_failures
from ledger_pipelines.store.queries.check_results import CheckResult, record_check_results
from ledger_pipelines.tables.labels import describe_rows

#: How many months' sentences the result of a range has; from how many on they are brief, with how many records each.
_MONTHS_NAMED, _BRIEF_FROM, _NAMED_IN_RANGE = 12, 4, 2

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found in one month. `count` is how many records break the rule; 0 is a pass.

    `description` is a sentence that names the records; the month need not be said, it is put before. `brief` is a
    shorter one, for a range in which many months fail. `records` are the records by name, where the same may be found in
    several months: a range counts each once.
    """

    asset: str
    check: str
    month: date
    count: int
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    brief: str | None = None
    records: frozenset[str] = frozenset()

    @property
    def passed(self) -> bool:
        return self.count == 0

    @property
    def is_error(self) -> bool:
        return self.severity == dg.AssetCheckSeverity.ERROR


@dataclass(frozen=True, slots=True)
class Invariant(Generic[Result]):
    """A rule that no result may break: the asset it is shown at, and the rows that break it.

    `heading` says of the rows what they do, as a heading over them; `advice` is what a person should do about it, a
    sentence.
    """

    asset: str
    name: str
    description: str
    offending: Callable[[Result], pa.Table]
    heading: str
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
    advice: str = ""

    @property
    def spec(self) -> dg.AssetCheckSpec:
        return month_check(self.name, asset=self.asset, description=self.description)

    def finding(self, rows: pa.Table, month: date, severity: dg.AssetCheckSeverity | None = None) -> Finding:
        """What was found in a month, of which `rows` break the rule."""
        return rows_finding(
            self.asset,
            self.name,
            month,
            rows,
            heading=self.heading,
            severity=severity or self.severity,
            advice=self.advice,
        )


def month_check(name: str, *, asset: str, description: str) -> dg.AssetCheckSpec:
    """The spec of a check that every month has: a person who executes it is asked for one, its history says which, and
    what passed in one month hides no failure of another.
    """
    with warnings.catch_warnings():
        # Months of checks are new in Dagster; the inventory test watches them.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(name, asset=asset, description=description, partitions_def=MONTHS)


def rows_finding(
    asset: str,
    check: str,
    month: date,
    rows: pa.Table,
    *,
    heading: str,
    severity: dg.AssetCheckSeverity,
    advice: str = "",
) -> Finding:
    """What a check found in a month, where each of these rows breaks its rule.

    `heading` says what they do, as a heading over them, and the rows are named by their columns; `advice` follows.
    """
    broken = rows.num_rows > 0
    return Finding(
        asset=asset,
        check=check,
        month=month,
        count=rows.num_rows,
        severity=severity,
        description=listing(heading, describe_rows(rows), advice) if broken else None,
        metadata={"rows": preview(rows, rows.column_names)} if broken else {},
        brief=listing(heading, describe_rows(rows, most=_NAMED_IN_RANGE)) if broken else None,
    )


def listing(heading: str, names: str, advice: str = "") -> str:
    """The sentence of a finding: what the records do, which they are, and what to do about it."""
    return f"{heading[:1].upper()}{heading[1:]}: {names.removesuffix('.')}.{' ' * bool(advice)}{advice}"


def report(
    context: dg.AssetExecutionContext, ledger: LedgerResource, findings: Sequence[Finding]
) -> Iterator[dg.AssetCheckResult]:
    """One result for each check, having reported each month's own where there are several, and kept all of them."""
    with as_dagster_failures(context, "checks"), ledger.database.connect() as connection:
        record_check_results(
            connection, [_result(finding) for finding in findings], run_id=context.run.run_id
        )
    yield from results_of(context, findings)


def results_of(
    context: dg.AssetExecutionContext, findings: Sequence[Finding]
) -> Iterator[dg.AssetCheckResult]:
    """One result for each check, of the run's month or of all months of its range.

    Each month's own is reported beside it, where the result is not that of the month itself.
    """

    def of_check(finding: Finding) -> tuple[str, str]:
        return finding.asset, finding.check

    for (asset, check), group in groupby(sorted(findings, key=of_check), key=of_check):
        found = sorted(group, key=lambda finding: finding.month)
        own = parse_month(context.partition_key) if context.has_partition_key else None
        for finding in found:
            if finding.month != own:
                _report_month(context, finding)
        if own is not None:
            found = [finding for finding in found if finding.month == own]
        failed = [finding for finding in found if not finding.passed]
        yield dg.AssetCheckResult(
            asset_key=asset,
            check_name=check,
            passed=not failed,
            severity=_severity(failed or found),
            description=_failure_description(failed),
            metadata={
                "months_checked": len(found),
                "months_that_fail": ", ".join(format_month(finding.month) for finding in failed) or "none",
                "records": _record_count(failed),
                **(dict(failed[-1].metadata) if failed else {}),
            },
        )


def _record_count(failed: Sequence[Finding]) -> int:
    named = {name for finding in failed for name in finding.records}
    return len(named) + sum(finding.count for finding in failed if not finding.records)


def _severity(findings: Sequence[Finding]) -> dg.AssetCheckSeverity:
    """The worst of what failed: a closed month may only warn of what is an error in an open one."""
    is_error = any(finding.is_error for finding in findings)
    return dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN


def _failure_description(failed: Sequence[Finding]) -> str | None:
    """A line for each month that fails; months of which the same is to be said share one, errors come first."""
    shared = _shared(failed, lambda finding: finding.description)
    if len(shared) >= _BRIEF_FROM:
        shared = _shared(failed, lambda finding: finding.brief or finding.description)
    lines = [_of_months(months, description) for description, months in shared.items()]
    if len(lines) > _MONTHS_NAMED:
        rest = [month for months in list(shared.values())[_MONTHS_NAMED:] for month in months]
        lines = [*lines[:_MONTHS_NAMED], f"The same check fails in {describe_months(rest)}."]
    return "\n".join(lines) or None


def _shared(failed: Sequence[Finding], heading: Callable[[Finding], str | None]) -> dict[str, list[date]]:
    shared: dict[str, list[date]] = {}
    for finding in sorted(failed, key=lambda finding: not finding.is_error):
        description = heading(finding)
        if description:
            shared.setdefault(description, []).append(finding.month)
    return shared


def _of_months(months: Sequence[date], description: str) -> str:
    """The sentence with its months before it, where it does not begin with one."""
    if description.startswith(format_month(months[0])):
        return description
    return f"{describe_months(months)}: {description}"


def _result(finding: Finding) -> CheckResult:
    return CheckResult(
        finding.month, finding.asset, finding.check, finding.count, finding.is_error, finding.description
    )


def _report_month(context: dg.AssetExecutionContext, finding: Finding) -> None:
    heading = None if finding.description is None else _of_months([finding.month], finding.description)
    context.log_event(
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(finding.asset),
            check_name=finding.check,
            passed=finding.passed,
            severity=finding.severity,
            description=heading,
            metadata={"records": finding.count, **finding.metadata},
            partition=partition_key(finding.month),
        )
    )
