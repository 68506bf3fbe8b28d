-- Accruals: what of each contract is recognised in which month, what is still owed, and what needs a person.

CREATE TABLE monthly_accruals (
    month              date NOT NULL,
    contact_id         text NOT NULL,
    service_id         text NOT NULL,
    currency           text NOT NULL,
    contract_date      date NOT NULL,
    contract_amount    numeric(18, 2) NOT NULL,
    invoiced           numeric(18, 2) NOT NULL,
    recognised         numeric(18, 2) NOT NULL,
    recognised_to_date numeric(18, 2) NOT NULL,
    pending            numeric(18, 2) NOT NULL,
    fraction           numeric(9, 6),
    state              text NOT NULL CHECK (state IN ('ACTIVE', 'PAUSED', 'COMPLETED', 'CANCELED')),
    contract_status    text NOT NULL CHECK (contract_status IN ('ACTIVE', 'CLOSED', 'CANCELED')),
    reason             text CHECK (reason IN ('portion', 'dropped', 'ended', 'postponed_limit', 'resigned', 'negative',
                                              'catch_up')),
    period_id          bigint,
    contract_number    integer NOT NULL DEFAULT 1 CHECK (contract_number > 0),
    PRIMARY KEY (month, contact_id, service_id, currency, contract_number),
    CHECK (pending = contract_amount - recognised_to_date),
    CHECK (recognised = 0 OR reason IS NOT NULL)
) PARTITION BY RANGE (month);
COMMENT ON TABLE monthly_accruals IS
    'A contract in a month in which it was invoiced, recognised, or had something left to recognise.';
COMMENT ON COLUMN monthly_accruals.contract_number IS
    'Which contract of this client, service and currency: numbered from 1 in the order of their courses.';

CREATE TABLE deferred_revenue (
    month      date NOT NULL,
    currency   text NOT NULL,
    opening    numeric(18, 2) NOT NULL,
    invoiced   numeric(18, 2) NOT NULL,
    recognised numeric(18, 2) NOT NULL,
    closing    numeric(18, 2) NOT NULL,
    PRIMARY KEY (month, currency),
    CHECK (opening + invoiced - recognised = closing)
) PARTITION BY RANGE (month);

CREATE TABLE accrual_notices (
    month      date NOT NULL,
    contact_id text NOT NULL,
    service_id text NOT NULL,
    currency   text NOT NULL,
    kind       text NOT NULL,
    period_id  bigint NOT NULL,
    amount     numeric(18, 2),
    message    text NOT NULL,
    contract_number integer NOT NULL DEFAULT 1,
    PRIMARY KEY (month, contact_id, service_id, currency, contract_number, kind, period_id)
) PARTITION BY RANGE (month);
COMMENT ON TABLE accrual_notices IS 'What a person should look at: missing CRM data, statuses that do not fit, stalled contracts.';
COMMENT ON COLUMN accrual_notices.contract_number IS '0 where the notice concerns no contract alone.';
