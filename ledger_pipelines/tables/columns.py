"""A line for every column of every table that an asset fills, once for all who show it."""

from __future__ import annotations

from ledger_pipelines.tables import billing, sources

#: What a name means in any table that says nothing else of it.
_EVERYWHERE = {
    "month": "the month, by its first day",
    "account_number": "the company's number in Codex",
    "contact_id": "the client's id in Holded",
    "service_id": "the service's id in Holded: its sales channel",
    "currency": "ISO 4217 code of the amounts",
    "contract_number": "1 for the first course of a client and service, 2 for the next",
    "period_id": "the service period at which the month is shown: a membership's id in 4Geeks",
}
_ACCRUALS = {
    "monthly_accruals": {
        "contract_date": "the date of its first document",
        "contract_amount": "what its documents come to by the month's end, without tax",
        "invoiced": "what the month's documents add to it",
        "recognised": "the cumulative amount that should be recognised by the month's end, less what was before",
        "recognised_to_date": "recognised up to the month's end, this month included",
        "pending": "still to be recognised",
        "fraction": "the share of the contract delivered by the month's end",
        "state": "ACTIVE, PAUSED, COMPLETED or CANCELED, at the month's end",
        "contract_status": "ACTIVE, CLOSED or CANCELED, at the month's end",
        "reason": "why the month recognises what it does; empty where it recognises nothing",
    },
    "deferred_revenue": {
        "opening": "invoiced and not yet recognised when the month begins",
        "invoiced": "what the month's documents add",
        "recognised": "what the month takes to revenue",
        "closing": "invoiced and not yet recognised at the month's end: opening + invoiced - recognised",
    },
    "accrual_notices": {
        "kind": "what it is about",
        "amount": "the money that waits for the decision",
        "message": "what is to be decided, and by what",
    },
}
_PERIODS = {
    "ledger_periods": {
        "status": "open, or closed: from then on its rows are compared and never rewritten",
        "closed_at": "when it was closed for good",
        "closed_by": "who closed it",
    }
}
_CFO = {
    "cfo_transactions": {
        "date": "when the payment was complete",
        "description": "what was paid, for people",
        "amount": "of a crypto invoice in USD, of a Holded invoice with tax and in its currency",
        "classified_entity": "by cfo_entity_mappings",
        "business_unit": "by cfo_entity_mappings, from the client",
        "source_file": "the key that keeps a second hand-over out",
        "transaction_type": "the same for all that the ledger hands over",
        "confidence": "1.00: what the ledger hands over is known, not guessed",
        "classification_reason": "that it is a paid invoice, of which client, and what a crypto invoice was paid with",
        "origin": "where the money came from: External Account, or Holded",
        "destination": "where it went, the same for all that the ledger hands over",
        "identifier": "the invoice's number",
        "currency": "of the amount; what a crypto invoice was paid with stands in the classification_reason",
        "subcategory": "by cfo_revenue_categories",
    }
}
_TABLES = sources.LINES | billing.LINES | _ACCRUALS | _PERIODS | _CFO


def column_line(table: str, column: str) -> str:
    """What a column of a table means. Raises KeyError for one that nobody has described."""
    line = _TABLES[table].get(column)
    return _EVERYWHERE[column] if line is None else line
