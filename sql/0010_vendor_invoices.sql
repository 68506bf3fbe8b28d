-- Electronic invoices: documents, their VAT and their lines, in the month in which they are posted. The journal's drafts
-- are made of these rows alone.

CREATE TABLE vendor_invoices (
    month           date NOT NULL,
    supplier        text NOT NULL,
    number          text NOT NULL,
    type_code       text NOT NULL,
    issue_date      date NOT NULL,
    due_date        date NOT NULL,
    currency        text NOT NULL,
    net             numeric(20, 3) NOT NULL,
    tax             numeric(20, 3) NOT NULL,
    gross           numeric(20, 3) NOT NULL,
    prepaid         numeric(20, 3) NOT NULL,
    rounding        numeric(20, 3) NOT NULL,
    payable         numeric(20, 3) NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
    side            text NOT NULL CHECK (side IN ('purchase', 'sale')),
    party           text NOT NULL,
    party_name      text NOT NULL,
    posting_date    date NOT NULL,
    other_currency  text,
    other_tax       numeric(20, 3),
    kids            text,
    bank_accounts   text,
    order_reference text,
    buyer_reference text,
    credited        text,
    file            text NOT NULL,
    sha256          text NOT NULL,
    content         text NOT NULL,
    PRIMARY KEY (month, supplier, kind, number),
    CHECK (posting_date >= month AND posting_date < month + interval '1 month'),
    CHECK (gross = net + tax),
    CHECK (payable = gross - prepaid + rounding)
) PARTITION BY RANGE (month);
CREATE INDEX vendor_invoices_by_document ON vendor_invoices (supplier, kind, number);
COMMENT ON TABLE vendor_invoices IS
    'Electronic invoices and credit notes, with amounts as the document states them. One of a supplier, kind and number '
    'is there once, in whatever month.';
COMMENT ON COLUMN vendor_invoices.kids IS 'Payment references, one on each line: text, leading zeros count.';
COMMENT ON COLUMN vendor_invoices.content IS
    'SHA-256 of what the document says: the same document in another file is the same.';

CREATE TABLE vendor_invoice_taxes (
    month              date NOT NULL,
    supplier           text NOT NULL,
    kind               text NOT NULL,
    number             text NOT NULL,
    line               integer NOT NULL,
    category           text NOT NULL,
    rate               numeric(9, 4),
    base               numeric(20, 3) NOT NULL,
    tax                numeric(20, 3) NOT NULL,
    is_from_abroad     boolean NOT NULL,
    self_assessed_rate numeric(9, 4),
    self_assessed      numeric(20, 3),
    PRIMARY KEY (month, supplier, kind, number, line),
    CHECK ((self_assessed_rate IS NULL) = (self_assessed IS NULL))
) PARTITION BY RANGE (month);
COMMENT ON COLUMN vendor_invoice_taxes.self_assessed IS
    'Reverse charge: the VAT that we owe and deduct ourselves; null where there is none, or no rate was set.';

CREATE TABLE vendor_invoice_lines (
    month       date NOT NULL,
    supplier    text NOT NULL,
    kind        text NOT NULL,
    number      text NOT NULL,
    line        integer NOT NULL,
    account     text,
    amount      numeric(20, 3) NOT NULL,
    category    text NOT NULL,
    rate        numeric(9, 4),
    description text,
    PRIMARY KEY (month, supplier, kind, number, line)
) PARTITION BY RANGE (month);
COMMENT ON TABLE vendor_invoice_lines IS
    'Lines, allowances (negative) and charges of electronic invoices, each with the account that it names, if any.';
