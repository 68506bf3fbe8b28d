"""The months of a run, which Dagster is asked for from outside."""

import dagster as dg
import pytest

from ledger_pipelines.orchestration.partitions import MONTHS, months_of
from ledger_pipelines_tests.unrecorded import unrecorded

_START, _END = (f"dagster/asset_partition_range_{end}" for end in ("start", "end"))


@dg.asset(partitions_def=MONTHS)
def asked(context: dg.AssetExecutionContext) -> None:
    months_of(context)


@pytest.mark.parametrize(
    ("tags", "sentence"),
    [
        ({"dagster/partition": "2001-01"}, "2001-01 is outside the ledger: its months are 2024-01 to "),
        ({"dagster/partition": "2131-01"}, "2131-01 is outside the ledger: its months are 2024-01 to "),
        ({"dagster/partition": "2025-1"}, "'2025-1' is not a month: write it as YYYY-MM"),
        ({_START: "2001-01", _END: "2025-01"}, "2001-01 is outside the ledger"),
        ({}, "No month was chosen: press Materialize and choose one"),
    ],
)
def test_months_that_are_none_of_the_ledger_s_are_refused(tags: dict[str, str], sentence: str) -> None:
    with unrecorded() as instance:
        job = dg.Definitions(assets=[asked]).get_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    [failure] = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failure.user_failure_data is not None
    assert sentence in (failure.user_failure_data.description or "")
