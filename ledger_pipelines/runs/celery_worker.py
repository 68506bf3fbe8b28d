"""A worker of Celery's that executes runs: `celery -A ledger_pipelines.runs.celery_worker worker`.

Needs the extra `celery`, and LEDGER_CELERY_BROKER and LEDGER_DAGSTER_YAML as the launching process has them.
"""

from __future__ import annotations

import gc

import dagster as dg
from celery import Celery
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_execute_job_task

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.orchestration.celery_launcher import LedgerCeleryRunLauncher
from ledger_pipelines.orchestration.celery_settings import app_arguments
from ledger_pipelines.orchestration.dagster_home import enter
from ledger_pipelines.settings import read_settings


def worker_app() -> Celery:
    """The application of the workers, with the one task there is: execute a run.

    The definitions are loaded here, once, before the worker's processes are forked: that takes some seconds. Raises
    LedgerError where this worker could not execute what it takes: a run that it took all the same would wait for nobody.
    """
    settings = read_settings()
    arguments = app_arguments(settings)
    enter(settings)
    with dg.DagsterInstance.get() as instance:
        if not isinstance(instance.run_launcher, LedgerCeleryRunLauncher):
            raise LedgerError(
                "Dagster's settings have no Celery workers: set LEDGER_DAGSTER_YAML to deploy/celery/dagster.yaml."
            )
    # Only now does the environment say the ledger's first month.
    from ledger_pipelines.definitions import definitions

    definitions().get_repository_def()
    gc.collect()
    gc.freeze()
    app: Celery = make_app(arguments)  # type: ignore[no-untyped-call]
    create_execute_job_task(app)
    return app


def __getattr__(name: str) -> Celery:
    """`app`, which Celery's command looks for here, made when it is asked for."""
    if name in {"app", "celery"}:
        app = worker_app()
        globals().update({"app": app, "celery": app})
        return app
    raise AttributeError(name)
