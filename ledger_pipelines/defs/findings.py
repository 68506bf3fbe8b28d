"""Findings of an asset's checks, month by month, as Dagster shows them.

A run over a range gets one check result for the whole range; each month's own result is reported beside it, so
that a month's page shows what was found in that month.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any, Generic, TypeVar

import dagster as dg
import pyarrow as pa

from ledger_pipelines.defs.partitions import partition_key
from ledger_pipelines.defs.presentation import preview
from ledger_pipelines.months import format_month

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found in one month. `count` is how many records break the rule; 0 is a pass."""

    asset: str
    check: str
    month: date
    count: int
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return self.count == 0


@dataclass(frozen=True, slots=True)
class Invariant(Generic[Result]):
    """A rule that no result may break: the asset it is shown at, and the rows that break it."""

    asset: str
    name: str
    description: str
    offending: Callable[[Result], pa.Table]
    told: str
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR

    @property
    def spec(self) -> dg.AssetCheckSpec:
        return dg.AssetCheckSpec(self.name, asset=self.asset, description=self.description)

    def finding(self, rows: pa.Table, month: date, severity: dg.AssetCheckSeverity | None = None) -> Finding:
        """What was found in a month, of which `rows` break the rule."""
        return rows_finding(
            self.asset, self.name, month, rows, told=self.told, severity=severity or self.severity
        )


def rows_finding(
    asset: str, check: str, month: date, rows: pa.Table, *, told: str, severity: dg.AssetCheckSeverity
) -> Finding:
    """What a check found in a month, where each of these rows breaks its rule; `told` says what they do."""
    broken = rows.num_rows > 0
    return Finding(
        asset=asset,
        check=check,
        month=month,
        count=rows.num_rows,
        severity=severity,
        description=f"{format_month(month)}: {rows.num_rows:,} {told}." if broken else None,
        metadata={"rows": preview(rows, rows.column_names)} if broken else {},
    )


def report(context: dg.AssetExecutionContext, findings: Iterable[Finding]) -> Iterator[dg.AssetCheckResult]:
    """One result for each check, having reported each month's own where there are several."""

    def of_check(finding: Finding) -> tuple[str, str]:
        return finding.asset, finding.check

    for (asset, check), group in groupby(sorted(findings, key=of_check), key=of_check):
        found = sorted(group, key=lambda finding: finding.month)
        if len(found) > 1:
            for finding in found:
                _report_month(context, finding)
        failed = [finding for finding in found if not finding.passed]
        worst = next((finding for finding in failed if finding.description), None)
        yield dg.AssetCheckResult(
            asset_key=asset,
            check_name=check,
            passed=not failed,
            severity=_severity(failed or found),
            description=None if worst is None else worst.description,
            metadata={
                "months_checked": len(found),
                "months_that_fail": ", ".join(format_month(finding.month) for finding in failed) or "none",
                "records": sum(finding.count for finding in found),
                **(dict(failed[-1].metadata) if failed else {}),
            },
        )


def _severity(findings: Sequence[Finding]) -> dg.AssetCheckSeverity:
    """The worst of them: a closed month may only warn of what is an error in an open one."""
    error = dg.AssetCheckSeverity.ERROR
    return error if any(finding.severity == error for finding in findings) else findings[0].severity


def _report_month(context: dg.AssetExecutionContext, finding: Finding) -> None:
    context.log_event(
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(finding.asset),
            check_name=finding.check,
            passed=finding.passed,
            severity=finding.severity,
            description=finding.description,
            metadata={"records": finding.count, **finding.metadata},
            partition=partition_key(finding.month),
        )
    )
