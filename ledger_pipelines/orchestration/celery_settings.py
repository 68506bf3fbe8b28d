"""Runs on Celery's workers, for a ledger whose months are more than one machine can run: deploy/celery.

The same settings for who hands runs over (`celery_launcher`) and for who takes them (`runs.celery_worker`).
"""

from __future__ import annotations

from typing import Any

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.settings import Settings

#: Longer than a run may take (`max_runtime_seconds` in dagster.yaml): a broker gives a run again that nobody has
#: acknowledged for this many seconds.
VISIBILITY_SECONDS = 5 * 3600


def app_arguments(settings: Settings) -> dict[str, Any]:
    """What `Celery` is made with. Raises LedgerError where LEDGER_CELERY_BROKER is not set."""
    if settings.celery_broker is None:
        raise LedgerError(
            "LEDGER_CELERY_BROKER is not set: give the broker of the workers, such as redis://127.0.0.1:6379/0."
        )
    return {
        "broker": settings.celery_broker.get_secret_value(),
        "config_source": {
            "broker_connection_retry_on_startup": True,
            "broker_transport_options": {"visibility_timeout": VISIBILITY_SECONDS},
            # A worker takes a run when it begins it, and no other before that one is done: a run that waits behind
            # another one's would wait for the dead, too.
            "task_acks_late": True,
            "worker_prefetch_multiplier": 1,
            # Each run in a process of its own, as everywhere: nothing of one is left for the next.
            "worker_concurrency": 1,
            "worker_max_tasks_per_child": 1,
            # How a run ended is in Dagster's history, and nobody asks Celery.
            "task_ignore_result": True,
            "worker_hijack_root_logger": False,
        },
    }
