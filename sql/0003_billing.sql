-- Billing: what people edit, the hours of tickets that count, and the statements that come of it.

-- What people edit holds from a month on: of the rows of one thing the latest that has begun counts.

CREATE TABLE billing_plans (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    billing_plan  text NOT NULL CHECK (btrim(billing_plan) <> ''),
    term_length   text NOT NULL DEFAULT 'Month to Month',
    support_level text,
    per_user_cost                      numeric(14, 4) NOT NULL DEFAULT 0 CHECK (per_user_cost >= 0),
    per_workstation_cost               numeric(14, 4) NOT NULL DEFAULT 0 CHECK (per_workstation_cost >= 0),
    per_server_cost                    numeric(14, 4) NOT NULL DEFAULT 0 CHECK (per_server_cost >= 0),
    per_vm_cost                        numeric(14, 4) NOT NULL DEFAULT 0 CHECK (per_vm_cost >= 0),
    per_switch_cost                    numeric(14, 4) NOT NULL DEFAULT 0 CHECK (per_switch_cost >= 0),
    per_firewall_cost                  numeric(14, 4) NOT NULL DEFAULT 0 CHECK (per_firewall_cost >= 0),
    per_hour_ticket_cost               numeric(14, 4) NOT NULL DEFAULT 0 CHECK (per_hour_ticket_cost >= 0),
    backup_base_fee_workstation        numeric(14, 4) NOT NULL DEFAULT 0 CHECK (backup_base_fee_workstation >= 0),
    backup_base_fee_server             numeric(14, 4) NOT NULL DEFAULT 0 CHECK (backup_base_fee_server >= 0),
    backup_included_tb                 numeric(14, 4) NOT NULL DEFAULT 0 CHECK (backup_included_tb >= 0),
    backup_per_tb_fee                  numeric(14, 4) NOT NULL DEFAULT 0 CHECK (backup_per_tb_fee >= 0),
    from_month date CHECK (extract(day FROM from_month) = 1),
    UNIQUE NULLS NOT DISTINCT (billing_plan, term_length, from_month)
);
COMMENT ON TABLE billing_plans IS 'Plans of our own; one with the same name and term as one of Codex''s wins over it.';
COMMENT ON COLUMN billing_plans.from_month IS
    'The first month that the rates hold in; null: from ever. Of one name and term the latest that has begun counts.';

CREATE TABLE feature_options (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feature_type text NOT NULL,
    value        text NOT NULL,
    display_name text,
    description  text,
    UNIQUE (feature_type, value)
);

CREATE TABLE client_billing_overrides (
    account_number text NOT NULL,
    billing_plan text,
    billing_plan_enabled boolean NOT NULL DEFAULT false,
    per_user_cost numeric(14, 4) CHECK (per_user_cost >= 0),
    per_user_cost_enabled boolean NOT NULL DEFAULT false,
    per_workstation_cost numeric(14, 4) CHECK (per_workstation_cost >= 0),
    per_workstation_cost_enabled boolean NOT NULL DEFAULT false,
    per_server_cost numeric(14, 4) CHECK (per_server_cost >= 0),
    per_server_cost_enabled boolean NOT NULL DEFAULT false,
    per_vm_cost numeric(14, 4) CHECK (per_vm_cost >= 0),
    per_vm_cost_enabled boolean NOT NULL DEFAULT false,
    per_switch_cost numeric(14, 4) CHECK (per_switch_cost >= 0),
    per_switch_cost_enabled boolean NOT NULL DEFAULT false,
    per_firewall_cost numeric(14, 4) CHECK (per_firewall_cost >= 0),
    per_firewall_cost_enabled boolean NOT NULL DEFAULT false,
    per_hour_ticket_cost numeric(14, 4) CHECK (per_hour_ticket_cost >= 0),
    per_hour_ticket_cost_enabled boolean NOT NULL DEFAULT false,
    backup_base_fee_workstation numeric(14, 4) CHECK (backup_base_fee_workstation >= 0),
    backup_base_fee_workstation_enabled boolean NOT NULL DEFAULT false,
    backup_base_fee_server numeric(14, 4) CHECK (backup_base_fee_server >= 0),
    backup_base_fee_server_enabled boolean NOT NULL DEFAULT false,
    backup_included_tb numeric(14, 4) CHECK (backup_included_tb >= 0),
    backup_included_tb_enabled boolean NOT NULL DEFAULT false,
    backup_per_tb_fee numeric(14, 4) CHECK (backup_per_tb_fee >= 0),
    backup_per_tb_fee_enabled boolean NOT NULL DEFAULT false,
    prepaid_hours_monthly numeric(14, 4) CHECK (prepaid_hours_monthly >= 0),
    prepaid_hours_monthly_enabled boolean NOT NULL DEFAULT false,
    prepaid_hours_yearly numeric(14, 4) CHECK (prepaid_hours_yearly >= 0),
    prepaid_hours_yearly_enabled boolean NOT NULL DEFAULT false,
    from_month date CHECK (extract(day FROM from_month) = 1),
    UNIQUE NULLS NOT DISTINCT (account_number, from_month)
);
COMMENT ON TABLE client_billing_overrides IS 'A rate replaces the plan''s where it is enabled and not null; zero counts.';
COMMENT ON COLUMN client_billing_overrides.from_month IS
    'The first month that the row holds in; null: from ever. Of one company''s rows the latest that has begun counts, '
    'alone and whole: what it leaves out is not overridden.';

CREATE TABLE asset_billing_overrides (
    asset_id     bigint NOT NULL,
    billing_type text CHECK (billing_type IN ('Workstation', 'Server', 'VM', 'Switch', 'Firewall', 'Custom', 'No Charge')),
    custom_cost  numeric(14, 4) CHECK (custom_cost >= 0),
    from_month   date CHECK (extract(day FROM from_month) = 1),
    UNIQUE NULLS NOT DISTINCT (asset_id, from_month),
    CHECK (billing_type <> 'Custom' OR custom_cost IS NOT NULL)
);
COMMENT ON COLUMN asset_billing_overrides.from_month IS
    'The first month that the row holds in; null: from ever. Of one device''s rows the latest that has begun counts.';

CREATE TABLE user_billing_overrides (
    user_id      bigint NOT NULL,
    payment_type text CHECK (payment_type IN ('Paid', 'Free', 'Custom')),
    custom_cost  numeric(14, 4) CHECK (custom_cost >= 0),
    from_month   date CHECK (extract(day FROM from_month) = 1),
    UNIQUE NULLS NOT DISTINCT (user_id, from_month),
    CHECK (payment_type <> 'Custom' OR custom_cost IS NOT NULL)
);
COMMENT ON COLUMN user_billing_overrides.from_month IS
    'The first month that the row holds in; null: from ever. Of one person''s rows the latest that has begun counts.';

CREATE TABLE client_feature_overrides (
    account_number text NOT NULL,
    feature_type   text NOT NULL,
    value          text,
    enabled        boolean NOT NULL DEFAULT true,
    from_month     date CHECK (extract(day FROM from_month) = 1),
    UNIQUE NULLS NOT DISTINCT (account_number, feature_type, from_month)
);
COMMENT ON COLUMN client_feature_overrides.from_month IS
    'The first month that the row holds in; null: from ever. Of one feature''s rows the latest that has begun counts.';

CREATE TABLE manual_assets (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_number text NOT NULL,
    hostname       text NOT NULL,
    billing_type   text NOT NULL
        CHECK (billing_type IN ('Workstation', 'Server', 'VM', 'Switch', 'Firewall', 'Custom', 'No Charge')),
    custom_cost    numeric(14, 4) CHECK (custom_cost >= 0),
    from_month     date CHECK (extract(day FROM from_month) = 1),
    CHECK (billing_type <> 'Custom' OR custom_cost IS NOT NULL)
);
CREATE INDEX manual_assets_by_account ON manual_assets (account_number);
COMMENT ON COLUMN manual_assets.from_month IS
    'The first month that the device is billed in; null: in all. It then replaces the rows of the same company and '
    'hostname that began earlier.';

CREATE TABLE manual_users (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_number text NOT NULL,
    full_name      text NOT NULL,
    payment_type   text NOT NULL CHECK (payment_type IN ('Paid', 'Free', 'Custom')),
    custom_cost    numeric(14, 4) CHECK (custom_cost >= 0),
    from_month     date CHECK (extract(day FROM from_month) = 1),
    CHECK (payment_type <> 'Custom' OR custom_cost IS NOT NULL)
);
CREATE INDEX manual_users_by_account ON manual_users (account_number);
COMMENT ON COLUMN manual_users.from_month IS
    'The first month that the person is billed in; null: in all. It then replaces the rows of the same company and '
    'name that began earlier.';

CREATE TABLE custom_line_items (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_number text NOT NULL,
    name           text NOT NULL,
    description    text,
    monthly_fee    numeric(14, 4),
    one_off_fee    numeric(14, 4),
    one_off_year   integer CHECK (one_off_year BETWEEN 1900 AND 9999),
    one_off_month  integer CHECK (one_off_month BETWEEN 1 AND 12),
    yearly_fee     numeric(14, 4),
    yearly_month   integer CHECK (yearly_month BETWEEN 1 AND 12),
    from_month     date CHECK (extract(day FROM from_month) = 1),
    CHECK (num_nonnulls(monthly_fee, one_off_fee, yearly_fee) = 1),
    CHECK (num_nonnulls(one_off_fee, one_off_year, one_off_month) IN (0, 3)),
    CHECK (num_nonnulls(yearly_fee, yearly_month) IN (0, 2)),
    CHECK (from_month IS NULL OR one_off_fee IS NULL)
);
CREATE INDEX custom_line_items_by_account ON custom_line_items (account_number);
COMMENT ON TABLE custom_line_items IS 'A charge of exactly one kind: recurring, one-off, or yearly.';
COMMENT ON COLUMN custom_line_items.from_month IS
    'The first month that a recurring or yearly charge is due in; null: in all. It then replaces the charges of the '
    'same company, name and kind that began earlier. A one-off has its own month.';

SELECT record_edits_of(edited) FROM unnest(ARRAY[
    'billing_plans', 'client_billing_overrides', 'asset_billing_overrides', 'user_billing_overrides',
    'client_feature_overrides', 'manual_assets', 'manual_users', 'custom_line_items']) AS edited;

CREATE TABLE ticket_hours (
    month          date NOT NULL,
    account_number text NOT NULL,
    ticket_number  text NOT NULL,
    total_hours    numeric(28, 18) NOT NULL,
    billed_before  numeric(28, 18) NOT NULL,
    hours          numeric(28, 18) NOT NULL CHECK (hours >= 0),
    ticket_month   date,
    PRIMARY KEY (month, account_number, ticket_number)
) PARTITION BY RANGE (month);
COMMENT ON TABLE ticket_hours IS
    'The hours of a ticket that count in a month: its total less what closed months before have billed of it.';
COMMENT ON COLUMN ticket_hours.ticket_month IS
    'The ticket''s own month, where that was closed before these hours were known; null where it is this month.';

-- Amounts have room for currencies of three decimals.
CREATE TABLE billing_statement_lines (
    month          date NOT NULL,
    account_number text NOT NULL,
    source_type    text NOT NULL,
    source_id      text NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('user', 'asset', 'backup', 'hours', 'custom')),
    type           text NOT NULL,
    item           text NOT NULL,
    description    text NOT NULL,
    quantity       numeric(18, 6) NOT NULL,
    rate           numeric(14, 4) NOT NULL,
    amount         numeric(18, 3) NOT NULL,
    currency       text NOT NULL,
    PRIMARY KEY (month, account_number, source_type, source_id)
) PARTITION BY RANGE (month);

CREATE TABLE billing_statements (
    month                  date NOT NULL,
    account_number         text NOT NULL,
    company_name           text NOT NULL,
    statement_number       text NOT NULL,
    statement_date         date NOT NULL,
    due_date               date NOT NULL,
    billing_plan           text NOT NULL,
    contract_term          text NOT NULL,
    support_level          text,
    currency               text NOT NULL,
    contract_start_date    date,
    contract_end_date      date,
    contract_expired       boolean NOT NULL,
    per_user_cost numeric(14, 4) NOT NULL,
    per_workstation_cost numeric(14, 4) NOT NULL,
    per_server_cost numeric(14, 4) NOT NULL,
    per_vm_cost numeric(14, 4) NOT NULL,
    per_switch_cost numeric(14, 4) NOT NULL,
    per_firewall_cost numeric(14, 4) NOT NULL,
    per_hour_ticket_cost numeric(14, 4) NOT NULL,
    backup_base_fee_workstation numeric(14, 4) NOT NULL,
    backup_base_fee_server numeric(14, 4) NOT NULL,
    backup_included_tb numeric(14, 4) NOT NULL,
    backup_per_tb_fee numeric(14, 4) NOT NULL,
    prepaid_hours_monthly numeric(14, 4) NOT NULL,
    prepaid_hours_yearly numeric(14, 4) NOT NULL,
    hours_used             numeric(28, 18) NOT NULL,
    hours_earlier_in_year  numeric(28, 18) NOT NULL,
    billable_hours         numeric(28, 18) NOT NULL,
    workstations           integer NOT NULL,
    servers                integer NOT NULL,
    vms                    integer NOT NULL,
    switches               integer NOT NULL,
    firewalls              integer NOT NULL,
    custom_assets          integer NOT NULL,
    no_charge_assets       integer NOT NULL,
    regular_users          integer NOT NULL,
    free_users             integer NOT NULL,
    backed_up_workstations integer NOT NULL,
    backed_up_servers      integer NOT NULL,
    backup_bytes           bigint NOT NULL,
    included_bytes         numeric(28, 4) NOT NULL,
    overage_bytes          numeric(28, 4) NOT NULL,
    total_user_charges     numeric(18, 3) NOT NULL,
    total_asset_charges    numeric(18, 3) NOT NULL,
    ticket_charge          numeric(18, 3) NOT NULL,
    backup_charge          numeric(18, 3) NOT NULL,
    overage_charge         numeric(18, 3) NOT NULL,
    total_line_item_charges numeric(18, 3) NOT NULL,
    total                  numeric(18, 3) NOT NULL,
    incomplete_parts       text,
    late_hours             numeric(28, 18) NOT NULL DEFAULT 0,
    PRIMARY KEY (month, account_number),
    CHECK (total = total_user_charges + total_asset_charges + ticket_charge + backup_charge + total_line_item_charges)
) PARTITION BY RANGE (month);
COMMENT ON COLUMN billing_statements.incomplete_parts IS
    'The parts of the company (assets, contacts, tickets) that could not be read when the month''s snapshot was taken, '
    'with commas: the statement charges what was read before. Null: all were read.';
COMMENT ON COLUMN billing_statements.late_hours IS
    'Billable hours of tickets of closed months, beside billable_hours: each has a line of its own.';

CREATE VIEW v_billing_statements AS
    SELECT s.*, CASE p.status WHEN 'closed' THEN 'final' ELSE 'draft' END AS status
    FROM billing_statements s
    JOIN ledger_periods p USING (month);
COMMENT ON VIEW v_billing_statements IS 'Statements with their status: draft until the month is closed, then final.';
