"""What the accrual rule reads: the frames, their columns and their types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import pyarrow as pa

from ledger_pipelines.columns import fitted
from ledger_pipelines.money import AMOUNT

_INSTANT = pa.timestamp("us", "UTC")
_MONTH: pa.Field[pa.DataType] = pa.field("month", pa.date32())


def _texts(*names: str) -> list[pa.Field[pa.DataType]]:
    return [pa.field(name, pa.string()) for name in names]


_CONTRACT = _texts("contact_id", "service_id", "currency")

#: What each document changes in a contract, in the month that takes it; `contract_date` is the document's own.
CONTRACTS = pa.schema(
    [
        _MONTH,
        *_CONTRACT,
        pa.field("contract_date", pa.date32()),
        pa.field("amount", AMOUNT),
        *_texts("document_id", "made_from"),
    ]
)
SERVICES = pa.schema(
    [
        *_texts("id", "name"),
        pa.field("total_sessions", pa.int32()),
        pa.field("sessions_per_week", pa.int32()),
        *_texts("method"),
    ]
)
CLIENTS = pa.schema([*_texts("contact_id", "name", "email"), pa.field("user_id", pa.int64())])
#: Who has any membership in 4Geeks, also one that is no period.
ENROLLED = pa.schema([pa.field("user_id", pa.int64()), *_texts("email")])
#: A service period, as the rule and its export read it.
PERIODS = pa.schema(
    [
        pa.field("id", pa.int64()),
        pa.field("user_id", pa.int64()),
        *_texts("email", "cohort_slug", "program_slug", "program_name"),
        pa.field("start_date", pa.date32()),
        pa.field("end_date", pa.date32()),
        *_texts("status"),
        pa.field("status_change_date", pa.date32()),
    ]
)
#: The same, with whether the membership is gone from 4Geeks (it counts as POSTPONED since then).
KNOWN_PERIODS = PERIODS.append(pa.field("is_removed", pa.bool_()))
PAGES = pa.schema(
    [
        *_texts("page_id", "email", "educational_status"),
        pa.field("drop_date", pa.date32()),
        pa.field("certificated_at", pa.date32()),
        pa.field("last_edited_at", _INSTANT),
    ]
)
BOOKED = pa.schema(
    [
        _MONTH,
        *_CONTRACT,
        pa.field("contract_number", pa.int32()),
        pa.field("contract_date", pa.date32()),
        pa.field("contract_amount", AMOUNT),
        pa.field("recognised", AMOUNT),
        *_texts("contract_status"),
    ]
)
#: The columns of each input that the rule reads; a reader need fetch no others.
SCHEMAS: Mapping[str, pa.Schema] = MappingProxyType(
    {
        "contracts": CONTRACTS,
        "services": SERVICES,
        "clients": CLIENTS,
        "periods": pa.schema([field for field in KNOWN_PERIODS if field.name != "cohort_slug"]),
        "enrolled": ENROLLED,
        "pages": PAGES,
        "booked": BOOKED,
    }
)


@dataclass(frozen=True, slots=True)
class AccrualInputs:
    """Everything that the accruals of any month depend on.

    What is known today, whatever the months asked for: that makes a month run alone equal the month in a
    range. Each frame has at least its `SCHEMAS`; more columns do no harm.

    - `contracts`: what each document changes, all months there are; key (month, contact_id, service_id, currency,
      document_id). `made_from` is the invoice that a credit note was made from.
    - `services`: unique ids; a service that is not there, and a null, has 60 sessions, 3 a week, by sessions.
    - `clients` and `periods`: the latest state, unique by contact_id and id. `periods` of all times, future
      ones too.
    - `enrolled`: everybody with a membership in 4Geeks, also one that cannot be used: nobody of them has resigned.
    - `pages`: Notion's pages.
    - `booked`: `monthly_accruals` of closed months; rows of other months are ignored, for a reopened month
      binds nobody.
    - `crm_is_complete`: whether every client, membership and page could be read. Else nobody is taken for resigned
      but who was already (`resigned`, contact ids), so that what months have recognised is not taken back for that.
    """

    contracts: pa.Table
    services: pa.Table
    clients: pa.Table
    periods: pa.Table
    enrolled: pa.Table
    pages: pa.Table
    booked: pa.Table
    closed_months: frozenset[date] = frozenset()
    crm_is_complete: bool = True
    resigned: frozenset[str] = frozenset()

    def read(self, name: str) -> pa.Table:
        """An input with exactly the columns that the rule reads. Raises FrameError as `fitted` does."""
        return fitted(f"accrual input {name}", getattr(self, name), SCHEMAS[name])
