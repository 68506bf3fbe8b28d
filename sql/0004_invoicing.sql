-- Invoices: Holded's services, contacts and documents, and the contracts that these make.

CREATE TABLE services (
    month          date NOT NULL,
    id             text NOT NULL,
    name           text NOT NULL,
    account_number text NOT NULL,
    PRIMARY KEY (month, id)
) PARTITION BY RANGE (month);
COMMENT ON TABLE services IS 'Holded''s sales channels whose account number starts with 7050.';

CREATE TABLE service_terms (
    service_id        text PRIMARY KEY,
    total_sessions    integer NOT NULL DEFAULT 60 CHECK (total_sessions > 0),
    sessions_per_week integer NOT NULL DEFAULT 3 CHECK (sessions_per_week > 0),
    method            text NOT NULL DEFAULT 'sessions' CHECK (method IN ('sessions', 'days', 'even_months'))
);
COMMENT ON TABLE service_terms IS
    'How a service is delivered and recognised, edited by people; a service without a row has the defaults.';
SELECT record_edits_of('service_terms');

CREATE TABLE holded_contacts (
    month        date NOT NULL,
    id           text NOT NULL,
    name         text NOT NULL,
    email        text,
    code         text,
    type         text,
    country_code text,
    PRIMARY KEY (month, id)
) PARTITION BY RANGE (month);

CREATE TABLE invoices (
    month              date NOT NULL,
    id                 text NOT NULL,
    document_type      text NOT NULL CHECK (document_type IN ('invoice', 'creditnote')),
    document_number    text,
    contact_id         text,
    contact_name       text,
    date               date NOT NULL,
    due_date           date,
    currency           text NOT NULL,
    exchange_rate      numeric(18, 8),
    subtotal           numeric(18, 2) NOT NULL,
    tax                numeric(18, 2) NOT NULL,
    total              numeric(18, 2) NOT NULL,
    payments_total     numeric(18, 2) NOT NULL,
    payments_pending   numeric(18, 2) NOT NULL,
    is_draft           boolean NOT NULL,
    is_cancelled       boolean NOT NULL,
    is_paid            boolean NOT NULL,
    last_payment_on    date,
    approved_at        timestamptz,
    description        text,
    source_document_id text,
    sales_channel_id   text,
    is_removed         boolean NOT NULL,
    discount           numeric(9, 4) NOT NULL DEFAULT 0,
    PRIMARY KEY (month, id)
) PARTITION BY RANGE (month);
COMMENT ON TABLE invoices IS
    'Holded''s invoices and credit notes in the month of their date. News of a closed month''s document (new, changed '
    'or removed at the source) is a row in the first month that was open when it was read; the latest month''s row of '
    'a document is what is known of it.';
COMMENT ON COLUMN invoices.discount IS 'Percent off the whole document. Its total says what it comes to; this says why.';

CREATE TABLE invoice_lines (
    month       date NOT NULL,
    invoice_id  text NOT NULL,
    line_number integer NOT NULL,
    line_id     text,
    name        text NOT NULL,
    account_id  text,
    sku         text,
    price       numeric(18, 6) NOT NULL,
    units       numeric(18, 6) NOT NULL,
    discount    numeric(9, 4) NOT NULL,
    net_amount  numeric(18, 2) NOT NULL,
    retention   numeric(9, 4) NOT NULL DEFAULT 0,
    tax_rate    numeric(9, 4),
    PRIMARY KEY (month, invoice_id, line_number)
) PARTITION BY RANGE (month);
COMMENT ON COLUMN invoice_lines.retention IS 'Percent of the line that the client withholds and pays to the tax office.';
COMMENT ON COLUMN invoice_lines.tax_rate IS 'Percent of tax on the line; null where the document does not say it.';
COMMENT ON COLUMN invoice_lines.net_amount IS
    'Price x units less discount, without tax, rounded half up to the currency''s least amount, as on the document: of '
    'a credit note it is positive, and a discount of the document is not in it. What a line comes to is in contracts.';

CREATE TABLE invoice_payments (
    month           date NOT NULL,
    id              text NOT NULL,
    document_id     text NOT NULL,
    document_type   text NOT NULL CHECK (document_type IN ('invoice', 'creditnote')),
    document_number text,
    contact_id      text,
    contact_name    text,
    date            date NOT NULL,
    amount          numeric(18, 2) NOT NULL,
    currency        text NOT NULL,
    is_removed      boolean NOT NULL,
    PRIMARY KEY (month, id)
) PARTITION BY RANGE (month);
CREATE INDEX invoice_payments_by_document ON invoice_payments (document_id);
COMMENT ON TABLE invoice_payments IS
    'The payments of Holded''s documents in the month of the payment''s own date. News of a closed month''s payment (new, '
    'changed or removed at the source) is a row in the first month that was open when it was read; the latest month''s '
    'row of a payment is what is known of it.';
COMMENT ON COLUMN invoice_payments.amount IS
    'As the document has it: what a client paid of an invoice, what was paid back of a credit note. Negative the other '
    'way round: a refund of an invoice.';

CREATE TABLE contracts (
    month         date NOT NULL,
    contact_id    text NOT NULL,
    service_id    text NOT NULL,
    currency      text NOT NULL,
    contract_date date NOT NULL,
    amount        numeric(18, 2) NOT NULL,
    document_id   text NOT NULL DEFAULT '',
    document_type text CHECK (document_type IN ('invoice', 'creditnote')),
    document_date date,
    made_from     text,
    PRIMARY KEY (month, contact_id, service_id, currency, document_id)
) PARTITION BY RANGE (month);
COMMENT ON TABLE contracts IS
    'What a month''s documents change in the contracts of a client for a service, a row for each document: what they '
    'come to at a month''s end is the sum of the rows up to then. What is known of a document (its date, what it was '
    'made from) is its row of the latest month.';
COMMENT ON COLUMN contracts.document_id IS
    'Empty in months that were closed before documents were told apart: the row is all of them, dated contract_date.';
COMMENT ON COLUMN contracts.made_from IS 'Of a credit note, the id of the document that it was made from.';
