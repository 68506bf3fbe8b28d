"""The import step that reads Notion: the pages of clients (rules/sync_management.md)."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from ledger_pipelines.emails import addresses
from ledger_pipelines.sources.notion.client import MissingPropertyError, NotionClient
from ledger_pipelines.sources.records.lists import ListReading
from ledger_pipelines.store.snapshots import read_newest_snapshot
from ledger_pipelines.tables.crm import EXTERNAL_IDS
from ledger_pipelines.workflows.imports.lists import SourceList, judge, keys_of
from ledger_pipelines.workflows.imports.outcome import Imported, ImportedTable
from ledger_pipelines.workflows.imports.state import count, state_counts, write_state, written_together
from ledger_pipelines.workflows.step import Step

PAGES = SourceList("notion", "notion-external-id", "pages", "Notion")


def import_pages(step: Step, client: NotionClient) -> Imported:
    """Reads the pages of clients: their ids, and whether a client dropped out or ended.

    Raises MissingPropertyError where the database lacks a property that is needed; what is known stays then.
    """
    read_at = datetime.now(UTC)
    reading = _pages(step, client)
    frame = reading.frame.select(EXTERNAL_IDS.without().names)
    with written_together(step, "external_ids"):
        before = read_newest_snapshot(step.connection, "external_ids")
        trust = judge(
            step.connection,
            PAGES,
            reading,
            known=0 if before is None else before.num_rows,
            keys=keys_of(frame, "page_id"),
            read_at=read_at,
        )
        changes = write_state(
            step,
            "external_ids",
            frame,
            key="page_id",
            problems=reading.problems,
            is_complete=trust.is_complete,
        )
    problems = [*reading.problems, *trust.problems]
    step.record("notion", "notion-external-id", problems, is_complete=trust.is_whole)
    matched = _of_clients(frame, read_newest_snapshot(step.connection, "clients"))
    count(step, pages_processed=frame.num_rows, clients_matched=matched)
    count(step, **state_counts(step, changes, frame, "external_ids"))
    return Imported({"external_ids": ImportedTable(frame, changes, problems, {"clients_matched": matched})})


def _pages(step: Step, client: NotionClient) -> ListReading:
    """The pages. Without a property that is needed what is known stays, as incomplete, and the step fails."""
    try:
        return client.pages()
    except MissingPropertyError as error:
        nothing = EXTERNAL_IDS.without().empty_table()
        write_state(step, "external_ids", nothing, key="page_id", is_complete=False)
        step.record("notion", "notion-external-id", [error.problem], is_complete=False)
        raise


def _of_clients(pages: pa.Table, clients: pa.Table | None) -> int:
    """How many pages have an address of a client."""
    if clients is None:
        return 0
    known = {one for email in clients["email"].to_pylist() for one in addresses(email)}
    return sum(not known.isdisjoint(addresses(email)) for email in pages["email"].to_pylist())
