"""The features that a company has of its own, as a month had them."""

from __future__ import annotations

from datetime import date
from typing import Any

import psycopg

_LATER_EDITS = """SELECT before, after FROM edits
WHERE table_name = 'client_feature_overrides' AND coalesce(after, before) ->> 'account_number' = %(account)s
  AND edited_at > (SELECT closed_at FROM ledger_periods WHERE month = %(month)s AND status = 'closed')
ORDER BY id DESC"""


def own_features(connection: psycopg.Connection, account: str, month: date) -> dict[str, str]:
    """A company's features in place of its plan's: in an open month as people have them now, in a closed one as they had
    them when it was closed; what was edited since is undone.
    """
    rows = connection.execute(
        """SELECT feature_type, from_month, value, enabled FROM client_feature_overrides WHERE account_number = %s""",
        [account],
    ).fetchall()
    held: dict[tuple[str, date | None], tuple[str | None, bool]] = {
        (name, since): (value, enabled) for name, since, value, enabled in rows
    }
    for before, after in connection.execute(_LATER_EDITS, {"account": account, "month": month}).fetchall():
        if after is not None:
            held.pop(_key(after), None)
        if before is not None:
            held[_key(before)] = (before["value"], before["enabled"])
    in_force: dict[str, tuple[date, str | None, bool]] = {}
    for (name, since), (value, enabled) in held.items():
        begins = since or date.min
        if begins <= month and (name not in in_force or begins > in_force[name][0]):
            in_force[name] = (begins, value, enabled)
    return {
        name: value for name, (_, value, enabled) in sorted(in_force.items()) if enabled and value is not None
    }


def known_features(connection: psycopg.Connection) -> tuple[list[str], list[tuple[str, str]]]:
    """The features of Codex's plans, each a JSON object by type, and the options that people entered: type and value."""
    plans = connection.execute("SELECT DISTINCT features FROM plans WHERE features IS NOT NULL").fetchall()
    options = connection.execute("SELECT DISTINCT feature_type, value FROM feature_options").fetchall()
    return [text for (text,) in plans], options


def _key(row: dict[str, Any]) -> tuple[str, date | None]:
    since = row["from_month"]
    return row["feature_type"], None if since is None else date.fromisoformat(since)
