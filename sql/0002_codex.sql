-- What Codex has: companies, their devices, people and tickets, and its plans; a snapshot for each month.

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
    backup_usage_tb   numeric(14, 2) CHECK (backup_usage_tb >= 0),
    PRIMARY KEY (month, account_number, id)
) PARTITION BY RANGE (month);
COMMENT ON COLUMN assets.backup_usage_tb IS
    'TB as Codex writes them, exact to two decimals; its backup_data_bytes are cut from them. Null where it has none.';

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
    hours_before      numeric(28, 18),
    is_gone           boolean NOT NULL DEFAULT false,
    moved_from        text,
    PRIMARY KEY (month, account_number, ticket_number)
) PARTITION BY RANGE (month);
COMMENT ON TABLE tickets IS
    'A ticket stands in the UTC month of its last_updated_at. Where that month is closed and has other hours of it, it '
    'stands in the first open month after it.';
COMMENT ON COLUMN tickets.hours_before IS 'The hours that it had when it last had any, where it now shows none.';
COMMENT ON COLUMN tickets.is_gone IS
    'Closed months billed it and its source does not have it any more: kept as it was last seen, with no hours.';
COMMENT ON COLUMN tickets.moved_from IS 'The company under whose number closed months billed it before it was moved.';

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
