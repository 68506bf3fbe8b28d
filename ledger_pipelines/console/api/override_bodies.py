"""The bodies that the override routes take and give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, create_model

from ledger_pipelines.console.exact import Number
from ledger_pipelines.console.problems import Refused
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import format_month, parse_month
from ledger_pipelines.printable import one_line
from ledger_pipelines.tables.rates import PREPAID, RATES

Amount = Decimal | str | None


class Given(BaseModel):
    """A body of which what is given is set, what is absent stays, and what is not known is ignored, and said to be."""

    # Kept, to say which members were not understood.
    model_config = ConfigDict(extra="allow")
    #: What reading gives and nobody sets: clients send back what they read.
    read_only: ClassVar[frozenset[str]] = frozenset({"message", "notes", "ignored"})

    reason: str | None = Field(None, description="Why; kept with the edit, as X-Edit-Reason is.")
    from_month: str | None = Field(
        None,
        description="Not read: the address says it. Refused where it is not that of the row that is written.",
    )

    def given(self, *names: str) -> dict[str, Any]:
        """Those of these members that are given."""
        return {name: getattr(self, name) for name in names if name in self.model_fields_set}

    def ignored(self) -> list[str]:
        """The members that this body does not have, without those that a client sends back as it read them."""
        return [name for name in self.model_extra or {} if name not in self.read_only]


def nothing_known(names: Sequence[str], known: Iterable[str]) -> str | None:
    """A sentence on members of a body in which none is known; None where there are none."""
    if not names:
        return None
    quoted = ", ".join(repr(one_line(name)[:60]) for name in names[:10])
    takes = ", ".join(known) or "nothing yet"
    return f"Nothing was changed, for nothing of the body is known: {quoted}. It takes {takes}."


def refuse_other_month(given: object, written: date | None) -> None:
    """Raises Refused (422) where a body names a month that is not the one from which the row that is written holds."""
    if given is None:
        return
    try:
        is_other = parse_month(str(given)) != written
    except LedgerError:
        is_other = True
    if is_other:
        of_row = "no from_month" if written is None else f"from_month {format_month(written)}"
        raise Refused(
            422,
            f"The body says from_month {one_line(str(given))[:20]!r}, and the row that would be written has {of_row}: "
            "say in the address from when it holds, as ?from_month=YYYY-MM. Nothing was changed.",
        )


class Message(BaseModel):
    """What was done. Where there are any, `notes` are sentences on what follows that one may not expect, and `ignored`
    the members of the body that were not understood.
    """

    message: str
    notes: list[str] | None = None
    ignored: list[str] | None = None


def done(message: str, notes: Sequence[str] = (), ignored: Sequence[str] = ()) -> dict[str, Any]:
    """A `Message` as it is answered: without `notes` and `ignored` where there are none, as HiveMatrix's own is."""
    more = {"notes": list(notes), "ignored": list(ignored)}
    return {"message": message, **{name: value for name, value in more.items() if value}}


class Added(Message):
    """What was done, and the row's id."""

    id: int


class _OfClient(Given):
    # The rates that a statement or a plan is read with stand beside these.
    read_only = Given.read_only | {
        "overrides",
        "company_account_number",
        "account_number",
        "term_length",
        "id",
    }


_amount: Any = (Amount, None)
ClientOverride = create_model(
    "ClientOverride",
    __base__=_OfClient,
    __doc__="What is agreed with a company in place of its plan; null takes it off.",
    billing_plan=(str | None, None),
    support_level=(str | None, None),
    **dict.fromkeys((*RATES, *PREPAID), _amount),
)
_number: Any = (Number | None, None)
ClientOverrides = create_model(
    "ClientOverrides",
    __doc__="What is overridden, and only that.",
    company_account_number=(str, ...),
    billing_plan=(str | None, None),
    support_level=(str | None, None),
    **dict.fromkeys((*RATES, *PREPAID), _number),
)


class _OfOneMonth(BaseModel):
    """What holds from the month that was asked for; `message` says where others hold that month or later."""

    message: str | None = None


class ClientAnswer(_OfOneMonth):
    """A company's overrides; null where there are none."""

    overrides: ClientOverrides | None


class RecordOverride(Given):
    """How a device or person is billed; without `custom_cost` it has none."""

    read_only = Given.read_only | {"override", "asset_id", "user_id"}

    billing_type: str | None = None
    custom_cost: Amount = None


class AssetOverride(BaseModel):
    """How a device is billed in place of what it is."""

    asset_id: int
    billing_type: str | None
    custom_cost: Number | None


class UserOverride(BaseModel):
    """How a person is billed."""

    user_id: int
    billing_type: str | None
    custom_cost: Number | None


class AssetAnswer(_OfOneMonth):
    """A device's override; null where there is none."""

    override: AssetOverride | None


class UserAnswer(_OfOneMonth):
    """A person's override; null where there is none."""

    override: UserOverride | None


class NewAsset(Given):
    """A device to bill that Codex does not have."""

    read_only = Given.read_only | {"manual_assets", "id"}

    hostname: str | None = None
    billing_type: str | None = None
    custom_cost: Amount = None
    notes: str | None = None


class NewUser(Given):
    """A person to bill whom Codex does not have."""

    read_only = Given.read_only | {"manual_users", "id"}

    full_name: str | None = None
    billing_type: str | None = None
    custom_cost: Amount = None
    notes: str | None = None


class ManualAsset(BaseModel):
    """A device that is billed and that Codex does not have."""

    id: int
    hostname: str
    billing_type: str
    custom_cost: Number | None
    notes: str | None


class ManualUser(BaseModel):
    """A person who is billed and whom Codex does not have."""

    id: int
    full_name: str
    billing_type: str
    custom_cost: Number | None
    notes: str | None


class ManualAssets(BaseModel):
    """A company's."""

    manual_assets: list[ManualAsset]


class ManualUsers(BaseModel):
    """A company's."""

    manual_users: list[ManualUser]


class LineItemGiven(Given):
    """A charge of one kind: each month, once, or each year."""

    read_only = Given.read_only | {"line_items", "id"}

    name: str | None = None
    description: str | None = None
    monthly_fee: Amount = None
    one_off_fee: Amount = None
    one_off_year: int | None = None
    one_off_month: int | None = None
    yearly_fee: Amount = None
    yearly_bill_month: int | None = None


class LineItem(BaseModel):
    """A charge on a company's statements."""

    id: int
    name: str
    description: str | None
    monthly_fee: Number | None
    one_off_fee: Number | None
    one_off_year: int | None
    one_off_month: int | None
    yearly_fee: Number | None
    yearly_bill_month: int | None


class LineItems(BaseModel):
    """A company's."""

    line_items: list[LineItem]


class FeatureOverride(BaseModel):
    """A feature that a company has in place of its plan's."""

    feature_type: str
    override_enabled: bool
    value: str | None


class FeatureOverrides(_OfOneMonth):
    """A company's."""

    feature_overrides: list[FeatureOverride]
