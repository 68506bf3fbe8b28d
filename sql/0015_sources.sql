-- What Freshservice and Datto RMM show, where they are read directly.

CREATE TABLE time_entries (
    month             date NOT NULL,
    id                bigint NOT NULL,
    ticket_number     text NOT NULL,
    subject           text,
    status            text,
    priority          text,
    ticket_updated_at timestamptz NOT NULL,
    department_id     bigint,
    department        text,
    account_number    text,
    executed_at       timestamptz NOT NULL,
    created_at        timestamptz,
    seconds           bigint NOT NULL CHECK (seconds >= 0),
    is_billable       boolean NOT NULL,
    is_running        boolean NOT NULL,
    is_gone           boolean NOT NULL DEFAULT false,
    PRIMARY KEY (month, id)
) PARTITION BY RANGE (month);
COMMENT ON TABLE time_entries IS
    'A time entry stands in the UTC month of its executed_at; where that is closed, in the first open month after it.';
COMMENT ON COLUMN time_entries.account_number IS 'The custom field of its department, as it is written there.';
COMMENT ON COLUMN time_entries.is_gone IS
    'A closed month has it and Freshservice does not have it any more: kept as it was last seen.';

CREATE TABLE backup_usage (
    month           date NOT NULL,
    uid             text NOT NULL,
    hostname        text,
    site_id         bigint,
    site            text,
    account_number  text,
    category        text,
    last_seen       timestamptz,
    backup_bytes    bigint CHECK (backup_bytes >= 0),
    PRIMARY KEY (month, uid)
) PARTITION BY RANGE (month);
COMMENT ON COLUMN backup_usage.account_number IS 'The variable account_number of its site, as it is written there.';
COMMENT ON COLUMN backup_usage.backup_bytes IS 'Null where the user-defined field is empty: nothing is backed up.';
