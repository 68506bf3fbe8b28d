-- When a time entry's ticket was made: what closed months billed by its number before then was another PSA's ticket.

ALTER TABLE time_entries ADD COLUMN ticket_created_at timestamptz;
COMMENT ON COLUMN time_entries.ticket_created_at IS
    'Null where Freshservice did not say it, and in months that were read before it was asked for.';
