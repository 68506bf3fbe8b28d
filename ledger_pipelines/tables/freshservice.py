"""What Freshservice showed, where ticket hours are its time entries."""

from __future__ import annotations

from ledger_pipelines.tables.table import BIGINT, BOOLEAN, INSTANT, TEXT, Column, Table

TIME_ENTRIES = Table(
    "time_entries",
    "A row is a time entry of a Freshservice ticket in the UTC month in which the work was done (or, where that is "
    "closed, in the first open one after it).",
    key=("id",),
    preview=("ticket_number", "subject", "department", "executed_at", "seconds", "is_billable", "id"),
    columns=(
        Column("id", BIGINT, "the entry's id in Freshservice"),
        Column("ticket_number", TEXT, "the ticket's id in Freshservice, which Codex knows as its number"),
        Column("subject", TEXT, "what the ticket is about", is_optional=True),
        Column("status", TEXT, "where the ticket stands", is_optional=True),
        Column("priority", TEXT, "how urgent the ticket is", is_optional=True),
        Column("ticket_updated_at", INSTANT, "the ticket's last update, which an entry does not move"),
        Column("department_id", BIGINT, "the department that the ticket is of", is_optional=True),
        Column("department", TEXT, "its name, which may be the company's", is_optional=True),
        Column(
            "account_number", TEXT, "the company's number, where the department says it", is_optional=True
        ),
        Column("executed_at", INSTANT, "when the work was done: its UTC month bills it"),
        Column("created_at", INSTANT, "when it was written down", is_optional=True),
        Column("seconds", BIGINT, "the time spent, in seconds"),
        Column("is_billable", BOOLEAN, "whether the time is billed"),
        Column(
            "is_running", BOOLEAN, "whether its timer runs, so that the time is not final and not billed yet"
        ),
        Column("is_gone", BOOLEAN, "a closed month has it, and Freshservice does not have it any more"),
        Column("ticket_created_at", INSTANT, "when the ticket was made", is_optional=True),
    ),
)
