"""What a person does about an integration error, in a sentence, and where in the console."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

#: The record's details as they came: nothing in them is sure to be there.
Details = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cure:
    """What to do about an error, and the console's page for it with its name, where there is one."""

    sentence: str
    path: str | None = None
    place: str | None = None


def cure_of(
    integration: str, operation: str, entity_type: str, external_id: str, details: Details | None = None
) -> Cure:
    """The cure for an error of this kind; for one that nobody foresaw, what helps with any."""
    if entity_type == "list":
        # A list that has become shorter is accepted once a person has confirmed it.
        return Cure(
            "If the records are gone indeed, ignore this with a note, then run the step again; else look into the "
            "source, which shows too few.",
            *_SYNC,
        )
    for key in ((integration, operation), (integration, None)):
        if (found := _CURES.get(key)) is not None:
            return found if isinstance(found, Cure) else found(entity_type, external_id, details or {})
    return Cure("Correct the record where it comes from, then run the step again.", *_SYNC)


_SYNC = ("/sync", "Sync")


def _of_billing(entity_type: str, external_id: str, details: Details) -> Cure:
    account = str(details.get("account_number") or (external_id if entity_type == "company" else ""))
    settings = (f"/client/{quote(account, safe='')}/settings", f"Settings of {account}") if account else ()
    if entity_type == "plan":
        return Cure(
            "Give the plan this term, or correct its rates, then run the month again.",
            "/admin/plans",
            "Plans",
        )
    if entity_type == "company" and not details.get("account_number"):
        return Cure(
            "Correct the company in Codex, or what makes its bill too large, then run the month again.",
            *settings,
        )
    if entity_type == "company":
        return Cure(
            "Give the company a plan and term that there are, in Codex or by an override, then run the month again.",
            *settings,
        )
    return Cure(
        "Say by an override what it is billed as, or correct it in Codex, then run the month again.",
        *settings,
    )


def _of_posting(entity_type: str, _id: str, _details: Details) -> Cure:
    if entity_type == "vat_rate":
        return Cure(
            "Give the rate an account of its own in the table accounts; until then nothing is missing."
        )
    return Cure(
        "Correct the document in Holded, sync again from the invoices on, then run the month again.",
        "/sync?from_step=invoices",
        "Sync",
    )


def _of_step(source: str, step: str, what: str) -> Cure:
    return Cure(f"{what} in {source}, then sync again from this step.", f"/sync?from_step={step}", "Sync")


_CURES: Mapping[tuple[str, str | None], Cure | Callable[[str, str, Details], Cure]] = {
    ("billing", None): _of_billing,
    ("holded", "services"): _of_step("Holded", "services", "Correct the service or sales channel"),
    ("holded", "invoices"): _of_step("Holded", "invoices", "Correct the document or its contact"),
    ("holded", "payments"): _of_step("Holded", "invoices", "Correct the payment, or issue its document"),
    ("holded", None): _of_step("Holded", "services", "Correct the record"),
    ("4geeks", "crm-clients"): _of_step("4Geeks or Holded", "crm-clients", "Correct the client's e-mail"),
    ("4geeks", "service-periods"): _of_step(
        "4Geeks", "service-periods", "Correct the membership or its cohort"
    ),
    ("4geeks", None): _of_step("4Geeks", "crm-clients", "Correct the record"),
    ("notion", None): _of_step("Notion", "notion-external-id", "Correct the page's e-mail"),
    ("codex", "undated_tickets"): Cure(
        "Give the ticket the day on which it was worked in Codex, or ignore this with a note if it is not to be billed.",
    ),
    ("codex", None): Cure("Correct the record in Codex, then run the month again.", "/periods", "Periods"),
    ("ledger", "posting"): _of_posting,
    ("ledger", "matching"): Cure(
        "Match the settlement with what it settles, or leave it on account with a note.",
        "/ledgers",
        "Ledgers",
    ),
    ("ehf", None): Cure("Ask the supplier which of the two documents holds, then import that one."),
}
