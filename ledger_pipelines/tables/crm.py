"""Who the clients are: students of 4Geeks, their service periods, and their pages in Notion."""

from __future__ import annotations

from ledger_pipelines.tables.table import BIGINT, BOOLEAN, DATE, INSTANT, TEXT, Column, Table

CLIENTS = Table(
    "clients",
    "A row is a contact of Holded with the student of 4Geeks who has one of its addresses.",
    key=("contact_id",),
    preview=(
        "name",
        "email",
        "student_id",
        "user_id",
        "contact_id",
    ),
    columns=(
        Column("contact_id", TEXT, "the client's id in Holded"),
        Column("name", TEXT, "the client's name in Holded"),
        Column(
            "email", TEXT, "as Holded has it, in one case; it may hold several addresses", is_optional=True
        ),
        Column("student_id", BIGINT, "null: nobody in 4Geeks has one of its addresses", is_optional=True),
        Column(
            "user_id",
            BIGINT,
            "the user that the client was first matched to, whatever becomes of the address",
            is_optional=True,
        ),
    ),
)

ENROLLMENTS = Table(
    "enrollments",
    "A row is a service period that touches the month: a student's membership of a cohort.",
    key=("id",),
    preview=(
        "email",
        "cohort_slug",
        "start_date",
        "end_date",
        "status",
        "status_change_date",
        "id",
    ),
    columns=(
        Column("id", BIGINT, "the membership's id in 4Geeks"),
        Column("user_id", BIGINT, "the student's user in 4Geeks", is_optional=True),
        Column("email", TEXT, "the student's address", is_optional=True),
        Column("cohort_slug", TEXT, "the cohort, by its name in addresses", is_optional=True),
        Column("cohort_name", TEXT, "the cohort, as people name it", is_optional=True),
        Column("program_slug", TEXT, "what is taught, by its name in addresses", is_optional=True),
        Column("program_name", TEXT, "what is taught", is_optional=True),
        Column("start_date", DATE, "the cohort's first day in the school's time zone"),
        Column("end_date", DATE, "its last day, included, likewise"),
        Column("status", TEXT, "ACTIVE, POSTPONED, DROPPED or ENDED: what the educational status counts as"),
        Column(
            "status_change_date",
            DATE,
            "the day with which this status of this membership was first seen",
            is_optional=True,
        ),
        Column("educational_status", TEXT, "as 4Geeks has it", is_optional=True),
        Column(
            "updated_at", INSTANT, "when 4Geeks last saved the membership, also only to record attendance"
        ),
        Column("created_at", INSTANT, "when the membership was made", is_optional=True),
        Column(
            "is_removed",
            BOOLEAN,
            "4Geeks has the membership no more: postponed on the last day of the last month that knew it",
        ),
        Column("is_period", BOOLEAN, "false: another month holds it as a service period, and it is none"),
    ),
)

EXTERNAL_IDS = Table(
    "external_ids",
    "A row is a client's page in Notion, matched to clients by e-mail.",
    key=("page_id",),
    preview=(
        "name",
        "email",
        "educational_status",
        "drop_date",
        "certificated_at",
        "page_id",
    ),
    columns=(
        Column("page_id", TEXT, "the page's id in Notion"),
        Column("name", TEXT, "the page's title", is_optional=True),
        Column("email", TEXT, "the client's address, as the page has it", is_optional=True),
        Column("educational_status", TEXT, "as the page has it", is_optional=True),
        Column("drop_date", DATE, "when the client dropped out, by the page", is_optional=True),
        Column("certificated_at", DATE, "when the client was certified, by the page", is_optional=True),
        Column("last_edited_at", INSTANT, "when the page was last changed"),
    ),
)
