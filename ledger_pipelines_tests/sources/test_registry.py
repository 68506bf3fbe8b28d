"""What holds for every source of the registry, so that a new one need not be remembered anywhere else."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from pydantic import AliasChoices

from ledger_pipelines.closing import readiness
from ledger_pipelines.connections import source_client
from ledger_pipelines.errors import ConfigurationError
from ledger_pipelines.orchestration.resources import SourceResource, environment_resources
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.registry import SYSTEMS, environment
from ledger_pipelines.sandbox.school.refusals import school_failure
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines.settings import Settings, read_settings
from ledger_pipelines.sources.registry import SOURCES
from ledger_pipelines.sources.settings import SourceSettings
from ledger_pipelines_tests.sources import test_mutations


def variables(source: type[SourceSettings]) -> list[str]:
    aliases = [field.validation_alias for field in source.model_fields.values()]
    return [
        str(name)
        for alias in aliases
        for name in (alias.choices if isinstance(alias, AliasChoices) else [alias])
    ]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for source in SOURCES:
        for name in variables(source):
            monkeypatch.delenv(name, raising=False)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Settings]:
    config = SandboxConfig(until=date(2025, 12, 31), companies=2, students=5, invoices=5, rate_limit=None)
    with running_sandbox(config) as sandbox:
        for name, value in environment(sandbox.base_url, with_optional=True).items():
            monkeypatch.setenv(name, value)
        yield read_settings(tmp_path)


def test_the_sandbox_stands_in_for_each(settings: Settings) -> None:
    for source in settings.sources:
        assert source.missing is None
        with source_client(settings, source) as client:
            check = client.check()
        assert check.ok, check.detail
        assert check.name == source.name


def test_without_variables_each_says_what_it_lacks(tmp_path: Path) -> None:
    settings = read_settings(tmp_path)
    for source in settings.sources:
        assert not source.is_begun
        assert source.missing in variables(type(source))
        with pytest.raises(ConfigurationError):
            source_client(settings, source)


def test_each_has_a_resource_and_names_of_its_own() -> None:
    resources = environment_resources()
    for source in SOURCES:
        resource = resources[source.resource or source.id]
        assert isinstance(resource, SourceResource)
        assert isinstance(resource.settings, source)
    assert len({source.id for source in SOURCES}) == len({source.name for source in SOURCES}) == len(SOURCES)


def test_an_error_of_each_holds_up_the_closing_of_months() -> None:
    assert {source.id for source in SOURCES} <= readiness.SOURCES


def test_every_odd_value_is_put_into_the_records_of_each() -> None:
    assert {source.name for source in SOURCES} <= test_mutations.SOURCES.keys()


@pytest.mark.parametrize("kind", ["429", "500"])
def test_each_that_the_sandbox_stands_in_for_fails_on_the_way_as_the_real_one(kind: str) -> None:
    """Those of HiveMatrix fail as its services do (`hivematrix/`)."""
    of_hivematrix = {"core", "codex"}
    failing = {
        one.name for one in SYSTEMS if school_failure(one.name, kind, "1", random.Random(1)) is not None
    }
    assert failing == {one.name for one in SYSTEMS} - of_hivematrix
