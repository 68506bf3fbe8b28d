"""What the rules of clients and memberships read and give: the frames, their columns and their types."""

from __future__ import annotations

import pyarrow as pa

from ledger_pipelines.tables import crm, invoicing

INSTANT = pa.timestamp("us", "UTC")


def _texts(*names: str) -> list[pa.Field[pa.DataType]]:
    return [pa.field(name, pa.string()) for name in names]


#: What `match_clients` reads of Holded's contacts and 4Geeks' students.
CONTACTS = invoicing.HOLDED_CONTACTS.part(("id", "name", "email"))
STUDENTS = pa.schema(
    [
        pa.field("id", pa.int64()),
        pa.field("user_id", pa.int64()),
        *_texts("email"),
        pa.field("created_at", INSTANT),
    ]
)
CLIENTS = crm.CLIENTS.part(("contact_id", "name", "email", "student_id", "user_id"))
#: The users of 4Geeks that contacts were matched to; `client_users` has these columns.
CLIENT_USERS = crm.CLIENTS.part(("contact_id", "user_id"))
#: What `service_periods` reads of 4Geeks' cohort memberships.
MEMBERSHIPS = pa.schema(
    [
        pa.field("id", pa.int64()),
        pa.field("user_id", pa.int64()),
        *_texts("email"),
        pa.field("cohort_id", pa.int64()),
        *_texts("cohort_slug", "cohort_name", "program_slug", "program_name"),
        pa.field("kickoff_at", INSTANT),
        pa.field("ending_at", INSTANT),
        *_texts("educational_status"),
        pa.field("is_of_micro_cohort", pa.bool_()),
        pa.field("created_at", INSTANT),
        pa.field("updated_at", INSTANT),
    ]
)
#: A service period; `enrollments` has these columns after its month.
PERIODS = crm.ENROLLMENTS.part(
    name for name in crm.ENROLLMENTS.by_name if name not in ("month", "created_at", "is_removed", "is_period")
)
#: A membership that was seen with another status than before; `membership_statuses` has these columns.
STATUS_SIGHTINGS = pa.schema(
    [
        pa.field("membership_id", pa.int64()),
        pa.field("user_id", pa.int64()),
        *_texts("email", "educational_status"),
        pa.field("updated_at", INSTANT),
        pa.field("status_date", pa.date32()),
        pa.field("first_seen_at", INSTANT),
    ]
)
