-- What is reckoned from the journal: sub-ledgers with their changes, people's matches, reconciliation, trial balance, VAT.

CREATE TABLE payment_matches (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    settlement text NOT NULL,
    item       text NOT NULL,
    amount     numeric(20, 3) NOT NULL CHECK (amount > 0),
    person     text NOT NULL,
    matched_at timestamptz NOT NULL DEFAULT now(),
    note       text
);
COMMENT ON TABLE payment_matches IS
    'What people say of which settlement pays which open item; it goes before everything that a rule would find.';
SELECT record_edits_of('payment_matches');

CREATE TABLE customer_ledger (
    month            date NOT NULL,
    party            text NOT NULL,
    voucher          text NOT NULL,
    kind             text NOT NULL CHECK (kind IN ('invoice', 'opening', 'credit')),
    invoice_number   text,
    kid              text,
    invoice_date     date NOT NULL,
    due_date         date,
    amount           numeric(20, 3) NOT NULL,
    remaining_amount numeric(20, 3) NOT NULL,
    currency         text NOT NULL,
    status           text NOT NULL CHECK (status IN ('open', 'partially_paid', 'paid')),
    item             text NOT NULL,
    account          text NOT NULL,
    posting_date     date NOT NULL,
    PRIMARY KEY (month, item),
    CHECK ((status = 'paid') = (remaining_amount = 0)),
    CHECK ((kind = 'credit') = (amount < 0)),
    CHECK (remaining_amount * sign(amount) BETWEEN 0 AND abs(amount))
) PARTITION BY RANGE (month);
CREATE INDEX customer_ledger_by_item ON customer_ledger (item);
COMMENT ON TABLE customer_ledger IS 'Every item of a customer that was open at some time in the month, as it stood at its end.';

CREATE TABLE customer_ledger_transactions (
    month              date NOT NULL,
    party              text NOT NULL,
    date               date NOT NULL,
    type               text NOT NULL CHECK (type IN ('invoice', 'payment', 'credit_note', 'reversal')),
    voucher            text NOT NULL,
    settlement_voucher text,
    amount             numeric(20, 3) NOT NULL CHECK (amount <> 0),
    currency           text NOT NULL,
    matched_by         text,
    item               text NOT NULL,
    settlement         text,
    account            text NOT NULL,
    number             integer NOT NULL,
    PRIMARY KEY (month, item, number),
    CHECK ((settlement IS NULL) = (matched_by IS NULL)),
    CHECK ((settlement IS NULL) = (settlement_voucher IS NULL))
) PARTITION BY RANGE (month);
COMMENT ON TABLE customer_ledger_transactions IS
    'Every change of what remains of an item: an item''s changes, over all months, come to its remaining amount.';

CREATE TABLE supplier_ledger (LIKE customer_ledger INCLUDING CONSTRAINTS, PRIMARY KEY (month, item))
    PARTITION BY RANGE (month);
CREATE INDEX supplier_ledger_by_item ON supplier_ledger (item);
COMMENT ON TABLE supplier_ledger IS 'Every item of a supplier that was open at some time in the month, as it stood at its end.';

CREATE TABLE supplier_ledger_transactions (
    LIKE customer_ledger_transactions INCLUDING CONSTRAINTS, PRIMARY KEY (month, item, number)
) PARTITION BY RANGE (month);
COMMENT ON TABLE supplier_ledger_transactions IS
    'Every change of what remains of an item: an item''s changes, over all months, come to its remaining amount.';

CREATE TABLE ledger_reconciliation (
    month              date NOT NULL,
    account            text NOT NULL,
    currency           text NOT NULL,
    ledger_balance     numeric(20, 3) NOT NULL,
    sub_ledger_balance numeric(20, 3) NOT NULL,
    difference         numeric(20, 3) NOT NULL,
    manual             numeric(20, 3) NOT NULL,
    before_sync_start  numeric(20, 3) NOT NULL,
    openings           numeric(20, 3) NOT NULL,
    party_not_found    numeric(20, 3) NOT NULL,
    explained          numeric(20, 3) NOT NULL,
    unexplained        numeric(20, 3) NOT NULL,
    PRIMARY KEY (month, account, currency),
    CHECK (difference = ledger_balance - sub_ledger_balance),
    CHECK (explained = manual + before_sync_start + openings + party_not_found),
    CHECK (unexplained = difference - explained)
) PARTITION BY RANGE (month);
COMMENT ON TABLE ledger_reconciliation IS
    'A control account, or deferred revenue, at a month''s end beside what it is the sum of. Amounts are positive on the side '
    'that raises the account: debits of receivables, credits of payables and of deferred revenue.';

CREATE TABLE trial_balance (
    month        date NOT NULL,
    account      text NOT NULL,
    currency     text NOT NULL,
    opening      numeric(20, 3) NOT NULL,
    debit        numeric(20, 3) NOT NULL,
    credit       numeric(20, 3) NOT NULL,
    closing      numeric(20, 3) NOT NULL,
    PRIMARY KEY (month, account, currency),
    CHECK (closing = opening + debit - credit)
) PARTITION BY RANGE (month);
COMMENT ON TABLE trial_balance IS
    'An account in a month and currency, debits positive. The account earlier_years is the result of earlier fiscal years that '
    'no entry moved to equity.';

CREATE TABLE vat_summary (
    month     date NOT NULL,
    account   text NOT NULL,
    code      text NOT NULL,
    rate_text text NOT NULL,
    rate      numeric(9, 4),
    currency  text NOT NULL,
    base      numeric(20, 3) NOT NULL,
    vat       numeric(20, 3) NOT NULL,
    PRIMARY KEY (month, account, code, rate_text, currency)
) PARTITION BY RANGE (month);
COMMENT ON TABLE vat_summary IS 'Base and VAT of a month by account, VAT code or category, and rate; debits positive.';
