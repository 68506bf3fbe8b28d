"""A worker of Celery's that executes runs: `celery -A ledger_pipelines.runs.celery_worker worker`.

Needs the extra `celery`, LEDGER_CELERY_BROKER, and DAGSTER_HOME with deploy/celery/dagster.yaml.
"""

from __future__ import annotations

import gc
from typing import Any

from celery import Celery
from celery.signals import worker_init
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_execute_job_task

from ledger_pipelines.definitions import definitions
from ledger_pipelines.orchestration.celery_settings import app_arguments
from ledger_pipelines.settings import read_settings


def worker_app() -> Celery:
    """The application of the workers, with the one task there is: execute a run."""
    app: Celery = make_app(app_arguments(read_settings()))  # type: ignore[no-untyped-call]
    create_execute_job_task(app)
    return app


def load_definitions(**_: Any) -> None:
    """Loads what runs execute once, before the worker's processes are forked: that takes some seconds."""
    definitions().get_repository_def()
    gc.collect()
    gc.freeze()


worker_init.connect(load_definitions)


def __getattr__(name: str) -> Celery:
    """`app`, which Celery's command looks for here, made when it is asked for."""
    if name in {"app", "celery"}:
        return worker_app()
    raise AttributeError(name)
