-- Contracts by document: which course of a client's a document belongs to is decided by its date (rules/accruals.md).

ALTER TABLE contracts ADD COLUMN document_id text NOT NULL DEFAULT '';
ALTER TABLE contracts ADD COLUMN document_type text CHECK (document_type IN ('invoice', 'creditnote'));
ALTER TABLE contracts ADD COLUMN document_date date;
ALTER TABLE contracts ADD COLUMN made_from text;
ALTER TABLE contracts DROP COLUMN documents;
ALTER TABLE contracts DROP CONSTRAINT contracts_pkey;
ALTER TABLE contracts ADD PRIMARY KEY (month, contact_id, service_id, currency, document_id);
COMMENT ON TABLE contracts IS
    'What a month''s documents change in the contracts of a client for a service, a row for each document: what they '
    'come to at a month''s end is the sum of the rows up to then. What is known of a document (its date, what it was '
    'made from) is its row of the latest month.';
COMMENT ON COLUMN contracts.document_id IS
    'Empty in months that were closed before documents were told apart: the row is all of them, dated contract_date.';
COMMENT ON COLUMN contracts.made_from IS 'Of a credit note, the id of the document that it was made from.';
