"""What the accrual rule reads: the frames, their columns and their types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import pandas as pd
import pyarrow as pa

from ledger_pipelines.frames import fitted, to_pandas
from ledger_pipelines.tables import accruals, crm, invoicing
from ledger_pipelines.tables.table import INTEGER, TEXT

#: What each document changes in a contract, in the month that takes it; `contract_date` is the document's own.
CONTRACTS = invoicing.CONTRACTS.part(
    (
        *("month", "contact_id", "service_id", "currency", "contract_date", "amount"),
        *("document_id", "made_from"),
    )
)
#: A service of Holded with what people say of it (`service_terms`).
_SERVICE: dict[str, pa.DataType] = {
    "id": TEXT,
    "name": TEXT,
    "total_sessions": INTEGER,
    "sessions_per_week": INTEGER,
    "method": TEXT,
}
SERVICES = pa.schema(_SERVICE)
CLIENTS = crm.CLIENTS.part(("contact_id", "name", "email", "user_id"))
#: Who has any membership in 4Geeks, also one that is no period.
ENROLLED = crm.ENROLLMENTS.part(("user_id", "email"))
_PERIOD = (
    "id",
    "user_id",
    "email",
    "cohort_slug",
    "program_slug",
    "program_name",
    "start_date",
    "end_date",
    "status",
)
#: A service period, as the rule and its export read it.
PERIODS = crm.ENROLLMENTS.part((*_PERIOD, "status_change_date"))
#: The same, with whether the membership is gone from 4Geeks (it counts as POSTPONED since then).
KNOWN_PERIODS = crm.ENROLLMENTS.part((*PERIODS.names, "is_removed"))
PAGES = crm.EXTERNAL_IDS.part(
    ("page_id", "email", "educational_status", "drop_date", "certificated_at", "last_edited_at")
)
BOOKED = accruals.MONTHLY_ACCRUALS.part(
    (
        *("month", "contact_id", "service_id", "currency", "contract_number"),
        *("contract_date", "contract_amount", "recognised", "contract_status"),
    )
)
#: The columns of each input that the rule reads; a reader need fetch no others.
SCHEMAS: Mapping[str, pa.Schema] = MappingProxyType(
    {
        "contracts": CONTRACTS,
        "services": SERVICES,
        "clients": CLIENTS,
        "periods": crm.ENROLLMENTS.part(name for name in KNOWN_PERIODS.names if name != "cohort_slug"),
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

    def frame(self, name: str) -> pd.DataFrame:
        """The same as a frame of pandas."""
        return to_pandas(self.read(name))
