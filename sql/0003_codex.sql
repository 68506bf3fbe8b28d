-- Snapshots of Codex, one for each month.

CREATE TABLE month_snapshots (
    month       date NOT NULL REFERENCES ledger_periods,
    table_name  text NOT NULL,
    snapshot_at timestamptz NOT NULL,
    is_complete boolean NOT NULL,
    PRIMARY KEY (month, table_name)
);
COMMENT ON TABLE month_snapshots IS
    'When each month''s rows of a table were read from their source, and whether all of them could be read. Kept '
    'apart from the rows, so that reading an unchanged source again changes no row.';

CREATE TABLE companies (
    month                date NOT NULL,
    account_number       text NOT NULL,
    name                 text NOT NULL,
    billing_plan         text,
    contract_term_length text,
    contract_start_date  date,
    contract_end_date    date,
    support_level        text,
    compliance_level     text,
    profit_or_non_profit text,
    company_main_number  text,
    company_start_date   date,
    domains              text,
    phone_system         text,
    email_system         text,
    PRIMARY KEY (month, account_number)
) PARTITION BY RANGE (month);

CREATE TABLE assets (
    month             date NOT NULL,
    account_number    text NOT NULL,
    id                bigint NOT NULL,
    hostname          text,
    hardware_type     text,
    device_type       text,
    billing_type      text,
    operating_system  text,
    online            boolean,
    last_seen         timestamptz,
    backup_data_bytes bigint NOT NULL CHECK (backup_data_bytes >= 0),
    PRIMARY KEY (month, account_number, id)
) PARTITION BY RANGE (month);

CREATE TABLE contacts (
    month           date NOT NULL,
    account_number  text NOT NULL,
    id              bigint NOT NULL,
    name            text,
    email           text,
    title           text,
    employment_type text,
    active          boolean NOT NULL,
    PRIMARY KEY (month, account_number, id)
) PARTITION BY RANGE (month);

CREATE TABLE tickets (
    month             date NOT NULL,
    account_number    text NOT NULL,
    ticket_number     text NOT NULL,
    ticket_id         bigint,
    subject           text,
    status            text,
    priority          text,
    requester_email   text,
    requester_name    text,
    created_at        timestamptz,
    last_updated_at   timestamptz NOT NULL,
    closed_at         timestamptz,
    total_hours_spent numeric(28, 18) NOT NULL CHECK (total_hours_spent >= 0),
    PRIMARY KEY (month, account_number, ticket_number)
) PARTITION BY RANGE (month);
COMMENT ON TABLE tickets IS 'A ticket stands in the UTC month of its last_updated_at.';

CREATE TABLE plans (
    month                       date NOT NULL,
    plan_name                   text NOT NULL,
    term_length                 text NOT NULL,
    support_level               text,
    per_user_cost               numeric(14, 4),
    per_workstation_cost        numeric(14, 4),
    per_server_cost             numeric(14, 4),
    per_vm_cost                 numeric(14, 4),
    per_switch_cost             numeric(14, 4),
    per_firewall_cost           numeric(14, 4),
    per_hour_ticket_cost        numeric(14, 4),
    backup_base_fee_workstation numeric(14, 4),
    backup_base_fee_server      numeric(14, 4),
    backup_included_tb          numeric(14, 4),
    backup_per_tb_fee           numeric(14, 4),
    features                    text,
    feature_display_names       text,
    PRIMARY KEY (month, plan_name, term_length)
) PARTITION BY RANGE (month);
COMMENT ON TABLE plans IS 'Codex''s billing plans as each month found them. What people edit is billing_plans.';
