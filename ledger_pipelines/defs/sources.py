"""The outside systems at the graph's edge: what is read, and what is written to."""

from __future__ import annotations

import dagster as dg

from ledger_pipelines.orchestration.presentation import OWNER
from ledger_pipelines.sources.registry import SOURCES


@dg.definitions
def outside_systems() -> dg.Definitions:
    """A source for each line of the registry, and the CFO's own system."""
    sources = [
        dg.AssetSpec(
            source.id,
            description=f"{source.name}, as it is. It is read over its API and never written to.",
            group_name="outside",
            owners=[OWNER],
            kinds={source.id},
        )
        for source in SOURCES
    ]
    cfo = dg.AssetSpec(
        "cfo",
        deps=["cfo_transactions"],
        description="The CFO's system, which the transactions are handed over to.",
        group_name="outside",
        owners=[OWNER],
        kinds={"postgres"},
    )
    return dg.Definitions(assets=[*sources, cfo])
