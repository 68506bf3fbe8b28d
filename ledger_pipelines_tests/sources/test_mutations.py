"""Mutated answers of every source over real HTTP: a broken value costs its record at most, and says so.

How many is LEDGER_MUTATIONS (0 is all of them), which is LEDGER_MUTATION_SEED; both are printed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pytest

from ledger_pipelines.errors import Problem
from ledger_pipelines.sources.codex.client import CodexClient
from ledger_pipelines.sources.codex.models import ENTITIES
from ledger_pipelines.sources.datto.client import DattoClient
from ledger_pipelines.sources.fourgeeks.client import FourGeeksClient
from ledger_pipelines.sources.freshservice.client import FreshserviceClient
from ledger_pipelines.sources.holded.client import HoldedClient
from ledger_pipelines.sources.notion.client import NotionClient
from ledger_pipelines_tests.sources.conftest import FakeTime, Seen
from ledger_pipelines_tests.sources.mutated_codex import (
    CODEX,
    CODEX_RECORDS,
    Answer,
    TreeServer,
    codex_answer,
)
from ledger_pipelines_tests.sources.mutations import Mutated, Mutation, Path, mutations, seed, share
from ledger_pipelines_tests.sources.school_records import contact, document, line, membership, page, student
from ledger_pipelines_tests.sources.school_servers import (
    DATA_SOURCE,
    DATABASE,
    KEY,
    NOTION_TOKEN,
    TOKEN,
    running,
)

Frames = dict[str, pa.Table]


def _query(seen: Seen) -> dict[str, list[str]]:
    return parse_qs(urlsplit(seen.path).query)


def _read_codex(url: str, fake_time: FakeTime) -> tuple[Frames, list[Problem]]:
    with CodexClient(url, url, clock=fake_time.clock) as client:
        snapshot = client.fetch(frozenset(ENTITIES), [2025])
    return {name: getattr(snapshot, name) for name in ENTITIES}, snapshot.problems


# --- Holded, 4Geeks and Notion ----------------------------------------------------------------------------------------

_PAID = {
    "paymentsDetail": [{"id": "p1", "amount": 361.79, "date": 1_711_000_000}],
    "paymentsTotal": 361.79,
    "paymentsRefunds": 0,
    "paymentsPending": 0,
}
_DETAILED = {
    "accountingDate": 1_710_460_800,
    "notes": "",
    "tags": [],
    "from": {"docType": "estimate", "id": "e1"},
    "salesChannelId": "ch1",
    "language": "en",
    **_PAID,
}
HOLDED: dict[str, Any] = {
    "/saleschannels": [{"id": f"ch{one}", "name": f"C{one}", "accountNum": 70_500_000 + one} for one in range(3)],
    "/contacts": [
        contact(one, email="a@b.example", code="B1", type="client", billAddress={"countryCode": "ES"})
        for one in range(3)
    ],
    "/documents/invoice": [document(one, products=[line(), line(5, 2)], **_DETAILED) for one in range(3)],
    "/documents/creditnote": [document(one, id=f"cn{one}", docNumber=f"CN{one}", **_DETAILED) for one in range(3)],
}  # fmt: skip


def _holded(mutated: Mutated, seen: Seen) -> bytes:
    path = urlsplit(seen.path).path
    if path not in mutated.tree:
        # A document by its id: there is none of it.
        return json.dumps({"status": 0, "info": "not found"}).encode()
    return mutated.json(mutated.tree[path]) if _query(seen).get("page", ["1"]) == ["1"] else b"[]"


def _read_holded(url: str, fake_time: FakeTime) -> tuple[Frames, list[Problem]]:
    with HoldedClient(url, KEY, clock=fake_time.clock) as client:
        channels, contacts = client.sales_channels(), client.contacts()
        documents = client.documents(date(2024, 1, 1), date(2024, 7, 1))
    frames = {
        "channels": channels.frame,
        "contacts": contacts.frame,
        "invoices": documents.invoices,
        "lines": documents.invoice_lines,
        "payments": documents.payments,
    }
    return frames, [*channels.problems, *contacts.problems, *documents.problems]


FOURGEEKS: dict[str, Any] = {
    "/auth/academy/student": [student(one, email=f"ana{one}@school.example") for one in range(1, 4)],
    "/admissions/academy/cohort/user": [membership(one) for one in range(1, 4)],
}


def _fourgeeks(mutated: Mutated, seen: Seen) -> bytes:
    records = mutated.tree[urlsplit(seen.path).path]
    shown = records if _query(seen).get("offset", ["0"]) == ["0"] else []
    return mutated.json({"count": len(records), "next": None, "results": shown})


def _read_fourgeeks(url: str, fake_time: FakeTime) -> tuple[Frames, list[Problem]]:
    with FourGeeksClient(url, token=TOKEN, clock=fake_time.clock) as client:
        students, memberships = client.students(), client.memberships()
    frames = {"students": students.frame, "memberships": memberships.frame}
    return frames, [*students.problems, *memberships.problems]


_PROPERTIES = {
    "Name": {"id": "title", "type": "title", "title": [{"type": "text", "plain_text": "Ana Ruiz"}]},
    "Email": {"type": "email", "email": "ana@school.example"},
    "Educational Status": {"type": "select", "select": {"name": "Active"}},
    "Drop Date": {"type": "date", "date": {"start": "2024-03-10", "end": None}},
    "Certificated At": {"type": "date", "date": {"start": "2024-05-19"}},
}
NOTION: dict[str, Any] = {"pages": [page(one, properties=_PROPERTIES) for one in range(3)]}


def _notion(mutated: Mutated, seen: Seen) -> bytes:
    if seen.method == "GET":
        return json.dumps({"object": "database", "data_sources": [{"id": DATA_SOURCE, "name": "S"}]}).encode()
    answer = {"object": "list", "results": mutated.tree["pages"], "has_more": False, "next_cursor": None}
    return mutated.json(answer)


def _read_notion(url: str, fake_time: FakeTime) -> tuple[Frames, list[Problem]]:
    with NotionClient(url, NOTION_TOKEN, DATABASE, clock=fake_time.clock) as client:
        pages = client.pages()
    return {"pages": pages.frame}, pages.problems


FRESHSERVICE: dict[str, Any] = {
    "departments": [
        {"id": one, "name": f"C{one}", "custom_fields": {"account_number": f"62054{one}"}} for one in range(3)
    ],
    "tickets": [
        {"id": one, "subject": "S", "department_id": one, "priority": 2, "status": 5,
         "updated_at": "2025-10-20T01:17:53Z", "created_at": "2025-10-20T01:17:53Z"} for one in range(3)
    ],
    "time_entries": [
        {"id": 21_000_167_654 + one, "created_at": "2025-10-20T01:17:53Z", "timer_running": False, "billable": True,
         "time_spent": "02:00", "executed_at": "2025-10-20T00:00:00Z", "note": ""} for one in range(3)
    ],
}  # fmt: skip


def _freshservice(mutated: Mutated, seen: Seen) -> bytes:
    path = urlsplit(seen.path).path
    member = path.rpartition("/")[2]
    is_of_another = member == "time_entries" and "/1/" not in path
    return mutated.json({member: [] if is_of_another else mutated.tree[member]})


def _read_freshservice(url: str, fake_time: FakeTime) -> tuple[Frames, list[Problem]]:
    with FreshserviceClient(url, KEY, clock=fake_time.clock) as client:
        read = client.time_entries(datetime(2025, 10, 1, tzinfo=UTC))
    frames = {"departments": read.departments, "tickets": read.tickets, "entries": read.entries}
    return frames, read.problems


DATTO: dict[str, Any] = {
    "devices": [
        {"id": one, "uid": f"d{one}", "siteId": 1, "siteUid": "s1", "siteName": "Main", "hostname": f"H{one}",
         "deviceType": {"category": "Server", "type": None}, "deleted": False, "lastSeen": 1_721_131_200_000,
         "udf": {"udf6": "1649267441664", "udf7": None}} for one in range(3)
    ],
}  # fmt: skip


def _datto(mutated: Mutated, seen: Seen) -> bytes:
    path = urlsplit(seen.path).path
    if path.endswith("/token"):
        return json.dumps({"access_token": "t", "expires_in": 360_000, "token_type": "bearer"}).encode()
    if path.endswith("/request_rate"):
        return json.dumps({"accountCount": 1, "accountRateLimit": 600}).encode()
    details = {"count": 3, "totalCount": 3, "prevPageUrl": None, "nextPageUrl": None}
    member = path.rpartition("/")[2]
    return mutated.json({"pageDetails": details, member: mutated.tree.get(member, [])})


def _read_datto(url: str, fake_time: FakeTime) -> tuple[Frames, list[Problem]]:
    with DattoClient(url, KEY, "a-secret-nobody-may-see", clock=fake_time.clock) as client:
        read = client.devices()
    return {"devices": read.devices}, read.problems


def _says_something_else(mutation: Mutation) -> bool:
    """Whether the record says, by this mutation, that it is gone or has nothing in it, and can be believed."""
    if mutation.field == ("products",):
        return mutation.value == "a list"
    return mutation.field in {("archived",), ("in_trash",), ("deleted",)} and mutation.value == "true"


# --- The tests --------------------------------------------------------------------------------------------------------

Read = Callable[[str, FakeTime], tuple[Frames, list[Problem]]]
SOURCES: dict[str, tuple[Answer, Read, Any, list[Path]]] = {
    "Codex": (
        lambda mutated, seen: codex_answer(mutated, seen, has_bulk=True),
        _read_codex,
        CODEX,
        CODEX_RECORDS,
    ),
    "Codex by company": (
        lambda mutated, seen: codex_answer(mutated, seen, has_bulk=False),
        _read_codex,
        CODEX,
        CODEX_RECORDS,
    ),
    "Holded": (_holded, _read_holded, HOLDED, [(path, 1) for path in HOLDED]),
    "4Geeks": (_fourgeeks, _read_fourgeeks, FOURGEEKS, [(path, 1) for path in FOURGEEKS]),
    "Notion": (_notion, _read_notion, NOTION, [("pages", 1)]),
    "Freshservice": (_freshservice, _read_freshservice, FRESHSERVICE, [(name, 1) for name in FRESHSERVICE]),
    "Datto RMM": (_datto, _read_datto, DATTO, [("devices", 1)]),
}


@contextmanager
def _reading(source: str, fake_time: FakeTime) -> Iterator[Callable[[Mutated], tuple[Frames, list[Problem]]]]:
    """Reads a source that shows a tree."""
    answer, read, _, _ = SOURCES[source]
    with ExitStack() as stack:
        server = TreeServer(answer)
        stack.enter_context(running(server))

        def show(mutated: Mutated) -> tuple[Frames, list[Problem]]:
            server.mutated = mutated
            return read(server.url, fake_time)

        yield show


def _rows(table: pa.Table) -> Counter[str]:
    return Counter(json.dumps(row, default=str, sort_keys=True) for row in table.to_pylist())


@pytest.mark.parametrize("source", SOURCES)
def test_the_answers_are_read_whole_without_a_mutation(source: str, fake_time: FakeTime) -> None:
    _, _, tree, records = SOURCES[source]
    with _reading(source, fake_time) as read:
        whole, problems = read(Mutated(tree, ""))
        for record in records:
            fewer, _ = read(Mutation(record, (), "null").without(tree))
            # Else the test below would prove nothing of this record.
            assert sum(frame.num_rows for frame in fewer.values()) < sum(
                frame.num_rows for frame in whole.values()
            )
    assert problems == []


@pytest.mark.parametrize("source", SOURCES)
def test_a_mutated_value_costs_its_record_at_most_and_says_so(source: str, fake_time: FakeTime) -> None:
    _, _, tree, records = SOURCES[source]
    chosen = [
        one
        for one in share(mutations(tree, records), of=len(SOURCES), count=120)
        if not _says_something_else(one)
    ]
    print(f"{source}: {len(chosen):,} mutations, LEDGER_MUTATION_SEED={seed()}")
    with _reading(source, fake_time) as read:
        whole = {name: _rows(frame) for name, frame in read(Mutated(tree, ""))[0].items()}
        others = {
            record: {
                name: _rows(frame)
                for name, frame in read(Mutation(record, (), "null").without(tree))[0].items()
            }
            for record in records
        }
        faults = [
            f"{mutation}: {fault}"
            for mutation in chosen
            for fault in _faults(whole, others[mutation.record], partial(read, mutation.apply(tree)))
        ]
    assert faults == []


def _faults(
    whole: dict[str, Counter[str]],
    others: dict[str, Counter[str]],
    read: Callable[[], tuple[Frames, list[Problem]]],
) -> Iterator[str]:
    """What is wrong with a reading: every other record is as ever, what is missing is named, and nothing leaks."""
    try:
        frames, problems = read()
    except Exception as error:
        yield f"{type(error).__name__}: {error}"
        return
    for name, frame in frames.items():
        frame.validate(full=True)
        rows = _rows(frame)
        own, found = (counts.total() - others[name].total() for counts in (whole[name], rows))
        if others[name] - rows:
            yield f"other {name} were lost or changed"
        if found > own:
            yield f"{name} came out of nothing"
        if found < own and not problems:
            yield f"{name} were lost without a word"
    for problem in problems:
        text = json.dumps(asdict(problem), allow_nan=False)
        if "hunter2" in text:
            yield "a secret is shown"
        if not (problem.external_id and len(problem.external_id.encode()) < 1_300 and len(text) < 30_000):
            yield f"a problem of {len(text):,} characters with the id {problem.external_id!r}"
        if not problem.message.isprintable():
            yield f"the message {problem.message!r}"
