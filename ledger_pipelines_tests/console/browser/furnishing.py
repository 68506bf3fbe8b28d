"""What a person has done in a book before anybody looks, so that no page is empty."""

from __future__ import annotations

import psycopg

_STATEMENTS = (
    """INSERT INTO billing_plans (billing_plan, term_length, per_user_cost, per_workstation_cost, per_server_cost)
       VALUES ('House', '1-Year', 20, 30, 90)""",
    """INSERT INTO feature_options (feature_type, value, display_name, description)
       VALUES ('antivirus', 'SentinelOne', 'SentinelOne', 'On every device')""",
    """INSERT INTO client_billing_overrides (account_number, per_user_cost, per_user_cost_enabled)
       SELECT min(account_number), 17.5, true FROM companies""",
    """INSERT INTO custom_line_items (account_number, name, description, monthly_fee)
       SELECT min(account_number), 'Domain', 'One name', 12.5 FROM companies""",
    """INSERT INTO custom_line_items (account_number, name, one_off_fee, one_off_year, one_off_month)
       SELECT max(account_number), 'Migration', 450, 2025, 3 FROM companies""",
    """INSERT INTO manual_assets (account_number, hostname, billing_type, notes)
       SELECT min(account_number), 'spare-01', 'Server', 'in the cellar' FROM companies""",
    """INSERT INTO manual_users (account_number, full_name, payment_type)
       SELECT min(account_number), 'Ines Contractor', 'Free' FROM companies""",
    """INSERT INTO alerts (kind, message, raised_at) VALUES
       ('cfo_failed', 'Three transactions could not be written.', '2025-04-02T08:00Z')""",
    """INSERT INTO integration_errors (integration_name, operation_type, entity_type, external_id, error_message, months)
       VALUES ('codex', 'billing', 'company', '4711', 'The company 4711 has no plan: give it one in Codex.',
               '{2025-03-01}')""",
)


def furnish(connection: psycopg.Connection) -> None:
    """Edits of each kind, an alert, and an error that stands in March's way."""
    for statement in _STATEMENTS:
        connection.execute(statement.encode())
