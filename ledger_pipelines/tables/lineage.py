"""From which columns each computed column comes, by table: a sum, a price or a decision names what it rests on.

Columns that are only carried along with their record are not named.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ledger_pipelines.tables.rates import RATES

#: The columns behind a column, as `table.column`.
Sources = Mapping[str, tuple[str, ...]]

_HOURS = ("ticket_hours.hours",)
_DEVICE = ("assets.hardware_type", "assets.device_type", "assets.billing_type")
_PERSON = ("contacts.active", "contacts.employment_type")
_LINE = "billing_statement_lines.amount"
_DATED = (
    "invoices.date",
    "invoice_payments.date",
    "billing_statements.statement_date",
    "vendor_invoices.issue_date",
)
_POSTED = (
    "invoices.subtotal",
    "invoices.tax",
    "invoices.total",
    "invoice_payments.amount",
    "contracts.amount",
    "monthly_accruals.recognised",
    "billing_statements.total",
    "vendor_invoices.payable",
    "vendor_invoice_lines.amount",
    "vendor_invoice_taxes.tax",
)
_DELIVERED = (
    "enrollments.start_date",
    "enrollments.end_date",
    "enrollments.status",
    "enrollments.status_change_date",
    "external_ids.educational_status",
    "external_ids.drop_date",
    "external_ids.certificated_at",
)

_JOURNAL_AMOUNTS = ("journal_lines.debit", "journal_lines.credit")
#: By what a settlement and an open item name each other.
_REFERENCES = (
    *(
        "journal_lines.settles",
        "journal_lines.kid",
        "journal_lines.invoice_number",
        "journal_lines.reference",
    ),
    *("journal_lines.description", "journal_lines.party", "journal_entries.reverses"),
)
_MATCHED = ("payment_matches.settlement", "payment_matches.item", "payment_matches.amount")

LINEAGE: Mapping[str, Sources] = MappingProxyType(
    {
        "contracts": {
            "contact_id": ("invoices.contact_id",),
            "service_id": ("invoice_lines.account_id", "services.id", "services.account_number"),
            "currency": ("invoices.currency",),
            "contract_date": ("invoices.date",),
            "amount": ("invoice_lines.net_amount", "invoices.subtotal", "invoices.discount"),
        },
        "invoice_payments": {
            "document_number": ("invoices.document_number",),
            "contact_id": ("invoices.contact_id",),
            "contact_name": ("invoices.contact_name",),
            "currency": ("invoices.currency",),
        },
        "clients": {
            "contact_id": ("holded_contacts.id",),
            "student_id": ("holded_contacts.email",),
            "user_id": ("holded_contacts.email",),
        },
        "ticket_hours": {
            "total_hours": ("tickets.total_hours_spent",),
            "billed_before": ("tickets.hours_before",),
            "hours": ("tickets.total_hours_spent", "tickets.hours_before"),
            "ticket_month": ("tickets.last_updated_at", "tickets.moved_from"),
        },
        "billing_statement_lines": {
            "type": (*_DEVICE, *_PERSON),
            "quantity": (*_HOURS, "assets.backup_usage_tb", "assets.backup_data_bytes"),
            "rate": (
                "companies.billing_plan",
                "companies.contract_term_length",
                *(f"plans.{name}" for name in RATES),
            ),
            "amount": (*_HOURS, "assets.backup_usage_tb", *(f"plans.{name}" for name in RATES)),
        },
        "billing_statements": {
            "billing_plan": ("companies.billing_plan",),
            "contract_term": ("companies.contract_term_length",),
            "support_level": ("companies.support_level", "plans.support_level"),
            "contract_end_date": (
                "companies.contract_end_date",
                "companies.contract_start_date",
                "companies.contract_term_length",
            ),
            **{name: (f"plans.{name}",) for name in RATES},
            "hours_used": _HOURS,
            "billable_hours": _HOURS,
            **dict.fromkeys(
                (
                    "total_user_charges",
                    "total_asset_charges",
                    "ticket_charge",
                    "backup_charge",
                    "overage_charge",
                    "total_line_item_charges",
                    "total",
                ),
                (_LINE, "billing_statement_lines.kind"),
            ),
            "backup_bytes": ("assets.backup_data_bytes", "assets.backup_usage_tb"),
        },
        "monthly_accruals": {
            "contract_number": ("enrollments.cohort_slug",),
            "contract_date": ("contracts.contract_date",),
            "contract_amount": ("contracts.amount",),
            "invoiced": ("contracts.amount",),
            "fraction": _DELIVERED,
            "recognised": ("contracts.amount", *_DELIVERED),
            "recognised_to_date": ("contracts.amount", *_DELIVERED),
            "pending": ("contracts.amount", *_DELIVERED),
            "state": _DELIVERED,
            "contract_status": _DELIVERED,
            "period_id": ("enrollments.id",),
        },
        "deferred_revenue": {
            "opening": ("monthly_accruals.contract_amount", "monthly_accruals.recognised_to_date"),
            "invoiced": ("monthly_accruals.invoiced",),
            "recognised": ("monthly_accruals.recognised",),
            "closing": ("monthly_accruals.contract_amount", "monthly_accruals.recognised_to_date"),
        },
        "accrual_notices": {
            "kind": ("monthly_accruals.state", *_DELIVERED),
            "amount": ("monthly_accruals.pending",),
        },
        "journal_entries": {
            "document_date": _DATED,
            "posting_date": _DATED,
            "source_id": (
                "invoices.id",
                "invoice_payments.id",
                "billing_statements.statement_number",
                "vendor_invoices.number",
            ),
        },
        "journal_lines": {
            **dict.fromkeys(("debit", "credit"), _POSTED),
            "vat_rate": ("invoice_lines.tax_rate", "vendor_invoice_taxes.rate"),
            "vat_base": ("invoices.subtotal", "invoice_lines.net_amount", "vendor_invoice_taxes.base"),
            "due_date": ("invoices.due_date", "billing_statements.due_date", "vendor_invoices.due_date"),
            "invoice_number": (
                "invoices.document_number",
                "billing_statements.statement_number",
                "vendor_invoices.number",
            ),
            "party": ("invoices.contact_id", "billing_statements.account_number", "vendor_invoices.supplier"),
        },
        **{
            f"{whose}_ledger": {
                "amount": _JOURNAL_AMOUNTS,
                "remaining_amount": (*_JOURNAL_AMOUNTS, *_REFERENCES, *_MATCHED),
                "status": (*_JOURNAL_AMOUNTS, *_REFERENCES, *_MATCHED),
                "due_date": (
                    *("journal_lines.due_date", "journal_entries.document_date"),
                    *("parties.payment_days", "parties.payment_months", "parties.free_billing_month"),
                ),
            }
            for whose in ("customer", "supplier")
        },
        **{
            f"{whose}_ledger_transactions": {
                "amount": (*_JOURNAL_AMOUNTS, *_REFERENCES, *_MATCHED),
                "settlement": (*_REFERENCES, *_MATCHED),
                "matched_by": (*_REFERENCES, *_MATCHED),
            }
            for whose in ("customer", "supplier")
        },
        "ledger_reconciliation": {
            "ledger_balance": _JOURNAL_AMOUNTS,
            "sub_ledger_balance": (
                "customer_ledger.remaining_amount",
                "supplier_ledger.remaining_amount",
                "deferred_revenue.closing",
            ),
            "manual": ("journal_entries.source_type", "journal_lines.party", *_JOURNAL_AMOUNTS),
            "before_sync_start": ("journal_entries.posting_date", *_JOURNAL_AMOUNTS),
            "openings": ("journal_entries.source_type", "journal_lines.party", *_JOURNAL_AMOUNTS),
            "party_not_found": (*_REFERENCES, *_JOURNAL_AMOUNTS),
        },
        "trial_balance": {
            "opening": (*_JOURNAL_AMOUNTS, "accounts.kind"),
            "debit": ("journal_lines.debit",),
            "credit": ("journal_lines.credit",),
            "closing": (*_JOURNAL_AMOUNTS, "accounts.kind"),
        },
        "vat_summary": {
            "code": ("journal_lines.vat_code", "journal_lines.vat_category"),
            "rate": ("journal_lines.vat_rate",),
            "base": ("journal_lines.vat_base", *_JOURNAL_AMOUNTS),
            "vat": _JOURNAL_AMOUNTS,
        },
        "cfo_transactions": {
            "date": ("invoices.last_payment_on",),
            "amount": ("invoices.total",),
            "currency": ("invoices.currency",),
            "identifier": ("invoices.document_number",),
            "classified_entity": ("invoices.contact_name",),
            "business_unit": ("invoices.contact_name",),
        },
    }
)
