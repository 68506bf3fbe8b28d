"""What the accrual rule gives: the frames' columns and types, their vocabularies, and the result."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from ledger_pipelines.tables import accruals

FRACTION = pa.decimal128(9, 6)

#: Of a service period.
PERIOD_STATUSES = ("ACTIVE", "POSTPONED", "DROPPED", "ENDED")
ACTIVE, POSTPONED, DROPPED, ENDED = range(4)

#: Of a contract.
CONTRACT_STATUSES = ("ACTIVE", "CLOSED", "CANCELED")
GOES_ON, CLOSED, CANCELED = range(3)

#: Of a month's accrual. PAUSED: the service is postponed, or money waits for a person to decide (step 6).
STATES = ("ACTIVE", "PAUSED", "COMPLETED", "CANCELED")
STATE_ACTIVE, STATE_PAUSED, STATE_COMPLETED, STATE_CANCELED = range(4)

#: Why a month recognises what it does; null where it recognises nothing.
#: `portion`: what the periods delivered. `dropped`, `ended`, `postponed_limit`, `resigned`: all that was left.
#: `negative`: the amount is negative, or is no more than was recognised already (a credit note).
#: `catch_up`: the amount includes what closed months would recognise differently on today's knowledge.
REASONS = ("portion", "dropped", "ended", "postponed_limit", "resigned", "negative", "catch_up")
PORTION, BY_DROP, BY_END, BY_LIMIT, RESIGNED, NEGATIVE, CATCH_UP = range(7)

#: Kinds of notices.
MISSING_CRM_DATA = "missing_crm_data"
NOT_IN_CRM = "not_in_crm"
UNDATED_NOTION_STATUS = "undated_notion_status"
NOT_CONGRUENT_STATUS = "not_congruent_status"
STALLED = "stalled"
UNASSIGNED_PERIOD = "unassigned_period"
UNUSABLE_MEMBERSHIP = "unusable_membership"
CRM_NOT_READ = "crm_not_read"
MEMBERSHIP_GONE = "membership_gone"
CHANGE_OF_ESTIMATE = "change_of_estimate"


#: The columns that name a contract, and those that name its month. Contracts of one client, service and currency are
#: numbered from 1 in the order of their courses.
CONTRACT_KEY = ("contact_id", "service_id", "currency", "contract_number")
ACCRUAL_KEY = ("month", *CONTRACT_KEY)
DEFERRED_KEY = ("month", "currency")
NOTICE_KEY = (*ACCRUAL_KEY, "kind", "period_id")

MONTHLY_ACCRUALS = accruals.MONTHLY_ACCRUALS.schema
DEFERRED_REVENUE = accruals.DEFERRED_REVENUE.schema
ACCRUAL_NOTICES = accruals.ACCRUAL_NOTICES.schema


@dataclass(frozen=True, slots=True)
class AccrualResult:
    """The accruals of some months, each frame by its key.

    `accruals` (MONTHLY_ACCRUALS): a row for each contract and month in which the amount invoiced, recognised
    or pending is not 0. `fraction` is the share of the contract that E rests on, null where a person has to
    decide (step 6). `period_id`: the last period that has started by the month's end, else the first.

    `deferred_revenue` (DEFERRED_REVENUE): a row for each month and each currency that has had a contract.

    `notices` (ACCRUAL_NOTICES): `service_id` and `currency` are empty, `contract_number` 0, `amount` null, where a
    notice concerns no contract alone; `period_id` is 0 where it concerns no period. `amount` is what is pending; of
    `not_congruent_status`, what was recognised beyond what the rule would now recognise; of `change_of_estimate`, what
    the month takes back.
    """

    accruals: pa.Table
    deferred_revenue: pa.Table
    notices: pa.Table
