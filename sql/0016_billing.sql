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

-- What people edit holds from a month on: of the rows of one thing the latest that has begun counts.

ALTER TABLE billing_plans
    ADD COLUMN from_month date CHECK (extract(day FROM from_month) = 1),
    DROP CONSTRAINT billing_plans_billing_plan_term_length_key,
    ADD UNIQUE NULLS NOT DISTINCT (billing_plan, term_length, from_month);
ALTER TABLE client_billing_overrides
    ADD COLUMN from_month date CHECK (extract(day FROM from_month) = 1),
    DROP CONSTRAINT client_billing_overrides_pkey,
    ALTER account_number SET NOT NULL,
    ADD UNIQUE NULLS NOT DISTINCT (account_number, from_month);
ALTER TABLE asset_billing_overrides
    ADD COLUMN from_month date CHECK (extract(day FROM from_month) = 1),
    DROP CONSTRAINT asset_billing_overrides_pkey,
    ALTER asset_id SET NOT NULL,
    ADD UNIQUE NULLS NOT DISTINCT (asset_id, from_month);
ALTER TABLE user_billing_overrides
    ADD COLUMN from_month date CHECK (extract(day FROM from_month) = 1),
    DROP CONSTRAINT user_billing_overrides_pkey,
    ALTER user_id SET NOT NULL,
    ADD UNIQUE NULLS NOT DISTINCT (user_id, from_month);
ALTER TABLE client_feature_overrides
    ADD COLUMN from_month date CHECK (extract(day FROM from_month) = 1),
    DROP CONSTRAINT client_feature_overrides_pkey,
    ALTER account_number SET NOT NULL,
    ALTER feature_type SET NOT NULL,
    ADD UNIQUE NULLS NOT DISTINCT (account_number, feature_type, from_month);
ALTER TABLE manual_assets ADD COLUMN from_month date CHECK (extract(day FROM from_month) = 1);
ALTER TABLE manual_users ADD COLUMN from_month date CHECK (extract(day FROM from_month) = 1);
ALTER TABLE custom_line_items
    ADD COLUMN from_month date CHECK (extract(day FROM from_month) = 1),
    ADD CHECK (from_month IS NULL OR one_off_fee IS NULL);

COMMENT ON COLUMN billing_plans.from_month IS
    'The first month that the rates hold in; null: from ever. Of one name and term the latest that has begun counts.';
COMMENT ON COLUMN client_billing_overrides.from_month IS
    'The first month that the row holds in; null: from ever. Of one company''s rows the latest that has begun counts, '
    'alone and whole: what it leaves out is not overridden.';
COMMENT ON COLUMN asset_billing_overrides.from_month IS
    'The first month that the row holds in; null: from ever. Of one device''s rows the latest that has begun counts.';
COMMENT ON COLUMN user_billing_overrides.from_month IS
    'The first month that the row holds in; null: from ever. Of one person''s rows the latest that has begun counts.';
COMMENT ON COLUMN client_feature_overrides.from_month IS
    'The first month that the row holds in; null: from ever. Of one feature''s rows the latest that has begun counts.';
COMMENT ON COLUMN manual_assets.from_month IS
    'The first month that the device is billed in; null: in all. It then replaces the rows of the same company and '
    'hostname that began earlier.';
COMMENT ON COLUMN manual_users.from_month IS
    'The first month that the person is billed in; null: in all. It then replaces the rows of the same company and '
    'name that began earlier.';
COMMENT ON COLUMN custom_line_items.from_month IS
    'The first month that a recurring or yearly charge is due in; null: in all. It then replaces the charges of the '
    'same company, name and kind that began earlier. A one-off has its own month.';

-- What a month's snapshot lacks: parts of companies that could not be read, and whose rows are earlier ones.

CREATE TABLE snapshot_gaps (
    month          date NOT NULL REFERENCES ledger_periods,
    table_name     text NOT NULL,
    account_number text NOT NULL,
    PRIMARY KEY (month, table_name, account_number)
);
COMMENT ON TABLE snapshot_gaps IS
    'Companies whose devices, people or tickets could not be read, or were not believed, when the month''s rows were '
    'taken: what was read before is kept. Empty for a month once it is read in full.';

ALTER TABLE billing_statements ADD COLUMN incomplete_parts text;
COMMENT ON COLUMN billing_statements.incomplete_parts IS
    'The parts of the company (assets, contacts, tickets) that could not be read when the month''s snapshot was taken, '
    'with commas: the statement charges what was read before. Null: all were read.';

CREATE VIEW v_billing_statements AS
    SELECT s.*, CASE p.status WHEN 'closed' THEN 'final' ELSE 'draft' END AS status
    FROM billing_statements s
    JOIN ledger_periods p USING (month);
COMMENT ON VIEW v_billing_statements IS 'Statements with their status: draft until the month is closed, then final.';
