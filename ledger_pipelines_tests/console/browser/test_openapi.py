"""The API as its document describes it: drawn requests, good and bad, get a described answer and never a failure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.generation import GenerationMode
from starlette.types import ASGIApp

from ledger_pipelines.console.app import create_app
from ledger_pipelines_tests.console.browser.site import Book, console_of
from ledger_pipelines_tests.console.conftest import PERMISSIONS, KnownPeople

pytestmark = [pytest.mark.timeout(300), pytest.mark.drawn]
#: Requests for each operation and kind; the drawn ones differ by the book's records, which few of them hit.
_EXAMPLES = 5
_INTERNAL_ERROR = 500


@pytest.fixture(scope="module")
def app(book: Book) -> Iterator[ASGIApp]:
    with book.copied() as database:
        yield create_app(replace(console_of(database, book.sandbox), identity=KnownPeople()))


def test_nothing_that_is_sent_fails_or_is_answered_otherwise_than_described(app: ASGIApp) -> None:
    load_all_checks()
    names = ("status_code_conformance", "content_type_conformance", "response_schema_conformance")
    checks = CHECKS.get_by_names(names)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    people = st.sampled_from([*PERMISSIONS, None])
    faults: dict[str, str] = {}
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in GenerationMode:

            @hypothesis.settings(
                max_examples=_EXAMPLES,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[hypothesis.Phase.generate],
                suppress_health_check=list(hypothesis.HealthCheck),
            )
            @hypothesis.given(case=operation.as_strategy(generation_mode=mode), permission=people)
            def ask(case: Any, permission: str | None) -> None:
                nonlocal asked
                asked += 1
                headers = {} if permission is None else {"Authorization": f"Bearer {permission}"}
                answer = case.call(headers=headers)
                assert answer.status_code != _INTERNAL_ERROR, answer.text
                case.validate_response(answer, checks=checks)

            try:
                ask()
            except hypothesis.errors.Unsatisfiable:
                # There is nothing that the operation could be sent and should not be.
                continue
            except (Exception, ExceptionGroup) as fault:
                faults[f"{operation.label} ({mode.value})"] = str(fault)[:1500]
    assert faults == {}
    assert asked > 300
