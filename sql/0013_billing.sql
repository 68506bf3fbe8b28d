-- Billing: backups in the terabytes that Codex writes.

ALTER TABLE assets ADD COLUMN backup_usage_tb numeric(14, 2) CHECK (backup_usage_tb >= 0);
COMMENT ON COLUMN assets.backup_usage_tb IS
    'TB as Codex writes them, exact to two decimals; its backup_data_bytes are cut from them. Null where it has none.';

-- Currencies of three decimals: amounts of statements have room for them.

DROP VIEW v_billing_statements;
ALTER TABLE billing_statement_lines ALTER amount TYPE numeric(18, 3);
ALTER TABLE billing_statements
    ALTER total_user_charges TYPE numeric(18, 3),
    ALTER total_asset_charges TYPE numeric(18, 3),
    ALTER ticket_charge TYPE numeric(18, 3),
    ALTER backup_charge TYPE numeric(18, 3),
    ALTER overage_charge TYPE numeric(18, 3),
    ALTER total_line_item_charges TYPE numeric(18, 3),
    ALTER total TYPE numeric(18, 3);
CREATE VIEW v_billing_statements AS
    SELECT s.*, CASE p.status WHEN 'closed' THEN 'final' ELSE 'draft' END AS status
    FROM billing_statements s
    JOIN ledger_periods p USING (month);
COMMENT ON VIEW v_billing_statements IS 'Statements with their status: draft until the month is closed, then final.';
