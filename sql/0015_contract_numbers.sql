-- Contracts by course: a client who buys a service again has another contract of it, with the next number.

ALTER TABLE monthly_accruals ADD COLUMN contract_number integer NOT NULL DEFAULT 1 CHECK (contract_number > 0);
ALTER TABLE monthly_accruals DROP CONSTRAINT monthly_accruals_pkey;
ALTER TABLE monthly_accruals ADD PRIMARY KEY (month, contact_id, service_id, currency, contract_number);
COMMENT ON COLUMN monthly_accruals.contract_number IS
    'Which contract of this client, service and currency: numbered from 1 in the order of their courses.';

ALTER TABLE accrual_notices ADD COLUMN contract_number integer NOT NULL DEFAULT 1;
ALTER TABLE accrual_notices DROP CONSTRAINT accrual_notices_pkey;
ALTER TABLE accrual_notices ADD PRIMARY KEY (month, contact_id, service_id, currency, contract_number, kind, period_id);
COMMENT ON COLUMN accrual_notices.contract_number IS '0 where the notice concerns no contract alone.';
