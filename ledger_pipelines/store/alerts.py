"""Alerts: each raised once and cleared once, and which of that was posted to the webhook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg


@dataclass(frozen=True, slots=True)
class DueAlert:
    """Something that a person should see to now; of one kind and subject there is one alert at a time."""

    kind: str
    message: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """An alert that was raised or cleared, which `event` says."""

    alert_id: int
    event: str
    kind: str
    message: str
    at: datetime


def update_alerts(
    connection: psycopg.Connection, kinds: Sequence[str], due: Sequence[DueAlert], at: datetime
) -> list[AlertEvent]:
    """Raises the alerts that are due and clears the others of these kinds, each once; what changed by that.

    An alert that is still due keeps the message with which it was raised.
    """
    events = []
    with connection.transaction():
        for alert in due:
            raised = connection.execute(
                """INSERT INTO alerts (kind, subject, message, raised_at) VALUES (%s, %s, %s, %s)
                   ON CONFLICT (kind, subject) WHERE cleared_at IS NULL DO NOTHING
                   RETURNING id, 'raised', kind, message, raised_at""",
                [alert.kind, alert.subject, alert.message, at],
            ).fetchall()
            events += [AlertEvent(*row) for row in raised]
        # Never before it was raised, though the clock was set back in between.
        cleared = connection.execute(
            """UPDATE alerts a SET cleared_at = greatest(raised_at, %s)
               WHERE cleared_at IS NULL AND kind = ANY (%s)
                 AND NOT EXISTS (SELECT FROM unnest(%s::text[], %s::text[]) AS due (kind, subject)
                                 WHERE due.kind = a.kind AND due.subject = a.subject)
               RETURNING id, 'cleared', kind, message, cleared_at""",
            [at, list(kinds), [alert.kind for alert in due], [alert.subject for alert in due]],
        ).fetchall()
    return events + [AlertEvent(*row) for row in cleared]


def raise_alert(connection: psycopg.Connection, alert: DueAlert, at: datetime) -> None:
    """Raises one alert, unless it is open; the check of its kind clears it when it is over."""
    update_alerts(connection, [], [alert], at)


def unposted_events(connection: psycopg.Connection, at: datetime) -> list[AlertEvent]:
    """What was not posted to the webhook yet, in order.

    An alert that was over more than a day ago is not posted any more, nor is the end of one whose beginning never was.
    """
    rows = connection.execute(
        """SELECT id, 'raised', kind, message, raised_at FROM alerts
           WHERE raise_posted_at IS NULL AND (cleared_at IS NULL OR cleared_at > %(at)s - interval '1 day')
           UNION ALL
           SELECT id, 'cleared', kind, message, cleared_at FROM alerts
           WHERE clear_posted_at IS NULL AND cleared_at > %(at)s - interval '1 day'
           ORDER BY 1, 2 DESC""",
        {"at": at},
    ).fetchall()
    return [AlertEvent(*row) for row in rows]


def mark_posted(connection: psycopg.Connection, post: AlertEvent, at: datetime) -> None:
    """Records that the event was posted to the webhook."""
    if post.event == "raised":
        connection.execute("UPDATE alerts SET raise_posted_at = %s WHERE id = %s", [at, post.alert_id])
    else:
        connection.execute("UPDATE alerts SET clear_posted_at = %s WHERE id = %s", [at, post.alert_id])
