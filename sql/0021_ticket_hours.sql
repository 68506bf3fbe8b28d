-- Ticket hours: what closed months lack is billed in the first open one, and what they billed too much is named.

ALTER TABLE tickets
    ADD COLUMN hours_before numeric(28, 18),
    ADD COLUMN is_gone      boolean NOT NULL DEFAULT false,
    ADD COLUMN moved_from   text;
COMMENT ON TABLE tickets IS
    'A ticket stands in the UTC month of its last_updated_at. Where that month is closed and has other hours of it, it '
    'stands in the first open month after it.';
COMMENT ON COLUMN tickets.hours_before IS 'The hours that it had when it last had any, where it now shows none.';
COMMENT ON COLUMN tickets.is_gone IS
    'Closed months billed it and its source does not have it any more: kept as it was last seen, with no hours.';
COMMENT ON COLUMN tickets.moved_from IS 'The company under whose number closed months billed it before it was moved.';

ALTER TABLE ticket_hours ADD COLUMN ticket_month date;
COMMENT ON COLUMN ticket_hours.ticket_month IS
    'The ticket''s own month, where that was closed before these hours were known; null where it is this month.';

ALTER TABLE billing_statements ADD COLUMN late_hours numeric(28, 18) NOT NULL DEFAULT 0;
COMMENT ON COLUMN billing_statements.late_hours IS
    'Billable hours of tickets of closed months, beside billable_hours: each has a line of its own.';
DROP VIEW v_billing_statements;
CREATE VIEW v_billing_statements AS
    SELECT s.*, CASE p.status WHEN 'closed' THEN 'final' ELSE 'draft' END AS status
    FROM billing_statements s
    JOIN ledger_periods p USING (month);
COMMENT ON VIEW v_billing_statements IS 'Statements with their status: draft until the month is closed, then final.';
