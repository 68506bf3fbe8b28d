"""What Datto RMM showed, where backup data are its devices'."""

from __future__ import annotations

from ledger_pipelines.tables.table import BIGINT, INSTANT, TEXT, Column, Table

BACKUP_USAGE = Table(
    "backup_usage",
    "A row is a device of Datto RMM with its backed-up bytes, when the month's snapshot was taken.",
    key=("uid",),
    preview=("hostname", "site", "category", "backup_bytes", "last_seen", "uid"),
    columns=(
        Column("uid", TEXT, "the device's id in Datto RMM"),
        Column("hostname", TEXT, "the device's name, by which Codex knows it, too", is_optional=True),
        Column("site_id", BIGINT, "the site that it is at", is_optional=True),
        Column("site", TEXT, "the site's name, which may be the company's", is_optional=True),
        Column(
            "account_number",
            TEXT,
            "the company's number, where the site's variable says it",
            is_optional=True,
        ),
        Column("category", TEXT, "Server, Laptop, Desktop, …", is_optional=True),
        Column("last_seen", INSTANT, "when it was online last", is_optional=True),
        Column(
            "backup_bytes",
            BIGINT,
            "backed-up data in bytes; empty where nothing is backed up",
            is_optional=True,
        ),
    ),
)
