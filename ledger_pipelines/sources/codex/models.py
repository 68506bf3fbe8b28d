"""What Codex's records look like on the wire, and the frames that they become (wire/codex.md).

Here: wire models, schemas, and what each kind of record is called. Not here: how they are asked for, which
is `codex`'s.

The models are TypedDicts: pydantic validates them twice as fast as it builds objects, and their next stop is
a frame's columns. Fields that are not needed are not in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Required

import pyarrow as pa
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from ledger_pipelines.sources.records.columnar import REQUIRED_FLAG
from ledger_pipelines.sources.records.frames import Entity
from ledger_pipelines.sources.records.lenient import Lenient
from ledger_pipelines.sources.records.wire_types import (
    Hours,
    Id,
    Instant,
    KeyText,
    LenientBytes,
    LenientDate,
    LenientFlag,
    LenientId,
    LenientInstant,
    LenientJsonText,
    LenientText,
    OptionalHours,
    OptionalRate,
    Terabytes,
    Term,
    key_of,
)
from ledger_pipelines.tables import codex

_STRICT = ConfigDict(strict=True)


_HOURS: TypeAdapter[Decimal] = TypeAdapter(Hours)
_FLAGS = {0: False, 1: True, "false": False, "true": True}


def _active(value: object) -> bool:
    """Whether a person is active: one who is not known to be inactive is. Raises ValueError for any other word."""
    if value is None:
        return True
    flag = _FLAGS.get(value.strip().casefold() if isinstance(value, str) else value)
    if flag is None:
        raise ValueError("is neither true nor false")
    return bool(flag)


@with_config(_STRICT)
class CompanyRow(TypedDict, total=False):
    """A company. The term is kept as Codex sends it; a company without a name is called by its number.

    No charge bears on its dates. An unreadable plan counts as missing: the rule then asks for one, or an override gives
    one. An unreadable term counts as missing, which is month to month.
    """

    account_number: Required[KeyText]
    name: LenientText
    billing_plan: Annotated[str | None, Lenient(note="without a plan of its own")]
    contract_term_length: Annotated[str | None, Lenient(note="month to month")]
    contract_start_date: LenientDate
    contract_end_date: LenientDate
    support_level: LenientText
    compliance_level: LenientText
    profit_or_non_profit: LenientText
    company_main_number: LenientText
    company_start_date: LenientDate
    domains: LenientJsonText
    phone_system: LenientText
    email_system: LenientText


@with_config(_STRICT)
class AssetRow(TypedDict, total=False):
    """A device. `billing_type` is none of today's fields of Codex, and is taken where it comes.

    Its types bear on its price: a device whose type is no text is not billed, and an error.
    """

    id: Required[Id]
    hostname: LenientText
    hardware_type: str | None
    device_type: str | None
    billing_type: str | None
    operating_system: LenientText
    online: LenientFlag
    last_seen: LenientInstant
    backup_data_bytes: LenientBytes
    backup_usage_tb: Terabytes


@with_config(_STRICT)
class ContactRow(TypedDict, total=False):
    """A person of a company. One id may stand under several companies."""

    id: Required[Id]
    name: LenientText
    email: LenientText
    title: LenientText
    employment_type: LenientText
    active: Required[Annotated[bool, Lenient(_active, "with active {}"), REQUIRED_FLAG]]


@with_config(_STRICT)
class TicketRow(TypedDict, total=False):
    """A ticket, known by its `ticket_number`: `ticket_id` means different things on different servers.

    Null hours are 0.
    """

    ticket_number: Required[KeyText]
    ticket_id: LenientId
    subject: LenientText
    status: LenientText
    priority: LenientText
    requester_email: LenientText
    requester_name: LenientText
    created_at: LenientInstant
    last_updated_at: Required[Instant]
    closed_at: LenientInstant
    total_hours_spent: Required[OptionalHours]


@with_config(_STRICT)
class PlanRow(TypedDict, total=False):
    """A billing plan for one contract term. A rate may be null, but must be there."""

    plan_name: Required[KeyText]
    term_length: Required[Term]
    support_level: LenientText
    per_user_cost: Required[OptionalRate]
    per_workstation_cost: Required[OptionalRate]
    per_server_cost: Required[OptionalRate]
    per_vm_cost: Required[OptionalRate]
    per_switch_cost: Required[OptionalRate]
    per_firewall_cost: Required[OptionalRate]
    per_hour_ticket_cost: Required[OptionalRate]
    backup_base_fee_workstation: Required[OptionalRate]
    backup_base_fee_server: Required[OptionalRate]
    backup_included_tb: Required[OptionalRate]
    backup_per_tb_fee: Required[OptionalRate]
    features: LenientJsonText
    feature_display_names: LenientJsonText


_TEXT, _DATE, _INSTANT, _INT, _BOOL = (
    pa.string(),
    pa.date32(),
    pa.timestamp("us", "UTC"),
    pa.int64(),
    pa.bool_(),
)

#: TB as Codex writes them: with two decimals.
TERABYTES = pa.decimal128(14, 2)

#: The frame of each kind of record. None has a month: Codex shows the present only.
SCHEMAS: Mapping[str, pa.Schema] = {
    "companies": codex.COMPANIES.without(),
    "assets": codex.ASSETS.without(),
    "contacts": codex.CONTACTS.without(),
    "tickets": codex.TICKETS.without("hours_before", "is_gone", "moved_from"),
    "plans": codex.PLANS.without(),
}


def account_of(company: object) -> str | None:
    """The account number of a company as it came; None where it has none that can be used."""
    return key_of(company.get("account_number")) if isinstance(company, Mapping) else None


def _describe_company(record: Mapping[str, Any], _: str | None) -> tuple[str | None, str]:
    account = account_of(record)
    name = record.get("name")
    if account is not None:
        return account, f"Company {account}"
    return None, f"Company “{name}”" if isinstance(name, str) and name.strip() else "A company"


def _describe_device_or_person(
    singular: str, record: Mapping[str, Any], owner: str | None
) -> tuple[str | None, str]:
    found = record.get("id")
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found), f"{singular.capitalize()} {found} of company {owner}"
    name = record.get("hostname", record.get("name"))
    called = (
        f"{singular.capitalize()} “{name}”" if isinstance(name, str) and name.strip() else _article(singular)
    )
    return None, f"{called} of company {owner}"


def _article(singular: str) -> str:
    return f"An {singular}" if singular[0] in "aeiou" else f"A {singular}"


def _describe_asset(record: Mapping[str, Any], owner: str | None) -> tuple[str | None, str]:
    return _describe_device_or_person("asset", record, owner)


def _describe_contact(record: Mapping[str, Any], owner: str | None) -> tuple[str | None, str]:
    """With the company in its id: one contact may be a user of several."""
    found, label = _describe_device_or_person("contact", record, owner)
    return None if found is None else f"{owner}/{found}", label


def _describe_ticket(record: Mapping[str, Any], owner: str | None) -> tuple[str | None, str]:
    """With the company in its id: two companies' PSAs may number alike."""
    number = record.get("ticket_number")
    if isinstance(number, str) and number.strip():
        return f"{owner}/{number.strip()}", f"Ticket {number.strip()} of company {owner}"
    return None, f"A ticket of company {owner}"


def _hours_lost(record: Mapping[str, Any]) -> str | None:
    try:
        hours = _HOURS.validate_python(record.get("total_hours_spent"))
    except ValidationError:
        return None
    return f"its {hours.quantize(Decimal('0.01')).normalize():f} h are not billed"


def _describe_plan(record: Mapping[str, Any], _: str | None) -> tuple[str | None, str]:
    name, term = record.get("plan_name"), record.get("term_length")
    if not isinstance(name, str) or not name.strip():
        return None, "A billing plan"
    if not isinstance(term, str):
        return None, f"Billing plan {name.strip()}"
    return f"{name.strip()}/{term}", f"Billing plan {name.strip()} ({term or 'no term'})"


#: The kinds of record that Codex has, by the name of their frame.
ENTITIES: Mapping[str, Entity] = {
    "companies": Entity(
        "companies",
        "company",
        TypeAdapter(list[CompanyRow]),
        SCHEMAS["companies"],
        ("account_number",),
        _describe_company,
        stand_ins={"name": "account_number"},
        texts=frozenset({"description"}),
        model=CompanyRow,
    ),
    "assets": Entity(
        "assets",
        "asset",
        TypeAdapter(list[AssetRow]),
        SCHEMAS["assets"],
        ("account_number", "id"),
        _describe_asset,
        owner_column="account_number",
        defaults={"backup_data_bytes": 0},
        model=AssetRow,
    ),
    "contacts": Entity(
        "contacts",
        "contact",
        TypeAdapter(list[ContactRow]),
        SCHEMAS["contacts"],
        ("account_number", "id"),
        _describe_contact,
        owner_column="account_number",
        model=ContactRow,
    ),
    "tickets": Entity(
        "tickets",
        "ticket",
        TypeAdapter(list[TicketRow]),
        SCHEMAS["tickets"],
        ("account_number", "ticket_number"),
        _describe_ticket,
        owner_column="account_number",
        prefer="last_updated_at",
        texts=frozenset({"description", "description_text", "conversations", "notes"}),
        lost=_hours_lost,
        model=TicketRow,
    ),
    "plans": Entity(
        "plans",
        "plan",
        TypeAdapter(list[PlanRow]),
        SCHEMAS["plans"],
        ("plan_name", "term_length"),
        _describe_plan,
        model=PlanRow,
    ),
}
