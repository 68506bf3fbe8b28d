-- Invoices and the people behind them: Holded's documents, 4Geeks' service periods, Notion's pages.

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
    PRIMARY KEY (month, id)
) PARTITION BY RANGE (month);
COMMENT ON TABLE invoices IS
    'Holded''s invoices and credit notes in the month of their date. News of a closed month''s document (new, changed '
    'or removed at the source) is a row in the first month that was open when it was read; the latest month''s row of '
    'a document is what is known of it.';

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
    PRIMARY KEY (month, invoice_id, line_number)
) PARTITION BY RANGE (month);
COMMENT ON COLUMN invoice_lines.net_amount IS
    'Price x units less discount, without tax, rounded half up; a credit note''s is positive, as on the document.';

CREATE TABLE contracts (
    month         date NOT NULL,
    contact_id    text NOT NULL,
    service_id    text NOT NULL,
    currency      text NOT NULL,
    contract_date date NOT NULL,
    amount        numeric(18, 2) NOT NULL,
    documents     integer NOT NULL,
    PRIMARY KEY (month, contact_id, service_id, currency)
) PARTITION BY RANGE (month);
COMMENT ON TABLE contracts IS
    'What a month''s documents change in the contract of a client for a service: a contract''s amount at a month''s '
    'end is the sum of its rows up to then, and its date the earliest of theirs.';

CREATE TABLE clients (
    month      date NOT NULL,
    contact_id text NOT NULL,
    name       text NOT NULL,
    email      text,
    student_id bigint,
    user_id    bigint,
    PRIMARY KEY (month, contact_id)
) PARTITION BY RANGE (month);

CREATE TABLE enrollments (
    month              date NOT NULL,
    id                 bigint NOT NULL,
    user_id            bigint,
    email              text,
    cohort_slug        text,
    cohort_name        text,
    program_slug       text,
    program_name       text,
    start_date         date NOT NULL,
    end_date           date NOT NULL,
    status             text NOT NULL CHECK (status IN ('ACTIVE', 'POSTPONED', 'DROPPED', 'ENDED')),
    status_change_date date,
    educational_status text,
    created_at         timestamptz,
    updated_at         timestamptz NOT NULL,
    is_removed         boolean NOT NULL,
    PRIMARY KEY (month, id),
    CHECK (start_date <= end_date),
    CHECK ((status = 'ACTIVE') = (status_change_date IS NULL))
) PARTITION BY RANGE (month);
COMMENT ON TABLE enrollments IS
    'Service periods, in every month from when they were known or begun to when they end or last changed. What is '
    'known of a period is its row that was updated last.';

CREATE TABLE external_ids (
    month              date NOT NULL,
    page_id            text NOT NULL,
    name               text,
    email              text,
    educational_status text,
    drop_date          date,
    certificated_at    date,
    last_edited_at     timestamptz NOT NULL,
    PRIMARY KEY (month, page_id)
) PARTITION BY RANGE (month);
COMMENT ON TABLE external_ids IS 'Notion''s pages of clients, matched to clients by e-mail.';
