"""Steps of which a person chose some assets only.

A step that fills several tables fills them together, all or nothing: to materialise one is to materialise all, and
The others are reported to Dagster, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import dagster as dg

from ledger_pipelines.orchestration.findings import Finding, report
from ledger_pipelines.orchestration.resources import LedgerResource


def selected(
    context: dg.AssetExecutionContext,
    ledger: LedgerResource,
    results: Iterable[dg.MaterializeResult[None]],
    findings: Iterable[Finding],
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """The step's results and checks, of those assets and checks that were chosen: Dagster refuses any other."""
    yield from (result for result in results if result.asset_key in context.selected_asset_keys)
    chosen = {(one.asset_key.to_user_string(), one.name) for one in context.selected_asset_check_keys}
    yield from report(context, ledger, [one for one in findings if (one.asset, one.check) in chosen])
