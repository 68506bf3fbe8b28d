-- The general ledger: accounts, parties, journal entries and their lines. The database itself holds that every entry
-- balances, that its lines are complete, and that a posted one never changes.

CREATE TABLE accounts (
    number   text PRIMARY KEY CHECK (number = btrim(number) AND number <> ''),
    name     text NOT NULL,
    kind     text NOT NULL CHECK (kind IN ('asset', 'liability', 'equity', 'revenue', 'expense')),
    control  text CHECK (control IN ('customer', 'supplier')),
    role     text,
    vat_rate numeric(9, 4) CHECK (vat_rate >= 0),
    CHECK (vat_rate IS NULL OR role IN ('output_vat', 'input_vat'))
);
-- One account for each part that the posting needs; of VAT, one for each rate.
CREATE UNIQUE INDEX accounts_by_role ON accounts (role, vat_rate) NULLS NOT DISTINCT WHERE role IS NOT NULL;
COMMENT ON TABLE accounts IS 'The chart of accounts, edited by people and filled by accounting files.';
COMMENT ON COLUMN accounts.control IS 'Whose items stand on it: a control account is what a sub-ledger explains.';
COMMENT ON COLUMN accounts.role IS 'What the posting uses it for, such as receivables or deferred_revenue.';

CREATE TABLE parties (
    id                  text PRIMARY KEY,
    kind                text NOT NULL CHECK (kind IN ('customer', 'supplier')),
    name                text NOT NULL,
    registration_number text,
    source_system       text NOT NULL,
    source_id           text NOT NULL,
    payment_days        integer CHECK (payment_days BETWEEN 0 AND 3660),
    payment_months      integer CHECK (payment_months BETWEEN 0 AND 120),
    free_billing_month  boolean NOT NULL DEFAULT false,
    expense_account     text
);
COMMENT ON TABLE parties IS
    'A customer or supplier: a company that is both has two. Known by its registration number where it has one, else '
    'by the system that named it and its id there.';
SELECT record_edits_of('parties');

CREATE TABLE party_sources (
    kind          text NOT NULL,
    source_system text NOT NULL,
    source_id     text NOT NULL,
    party         text NOT NULL REFERENCES parties ON DELETE CASCADE,
    PRIMARY KEY (kind, source_system, source_id)
);
COMMENT ON TABLE party_sources IS
    'Under which id each system knows a party. A party stays the one that it was first taken for, also where its '
    'registration number comes later.';

CREATE TABLE journal_entries (
    month         date NOT NULL,
    id            text NOT NULL,
    number        text,
    posting_date  date NOT NULL,
    document_date date NOT NULL,
    source_type   text NOT NULL CHECK (source_type IN ('customer_invoice', 'credit_note', 'vendor_invoice', 'payment',
                                                       'accrual', 'opening', 'imported', 'manual')),
    source_system text NOT NULL,
    source_id     text NOT NULL,
    revision      integer NOT NULL DEFAULT 0 CHECK (revision >= 0),
    status        text NOT NULL CHECK (status IN ('draft', 'posted')),
    reverses      text,
    line_count    integer NOT NULL CHECK (line_count > 0),
    description   text,
    content       text NOT NULL,
    PRIMARY KEY (month, id),
    CHECK (posting_date >= month AND posting_date < month + interval '1 month'),
    CHECK (status = 'draft' OR number IS NOT NULL)
) PARTITION BY RANGE (month);
CREATE INDEX journal_entries_by_source ON journal_entries (source_system, source_id);
COMMENT ON TABLE journal_entries IS
    'Journal entries. Drafts are derived and replaced while their month is open; closing the month posts them, and a '
    'posted entry never changes: its correction is another entry.';
COMMENT ON COLUMN journal_entries.content IS
    'SHA-256 of its kind, document date and lines, without descriptions: two entries with the same content have the same '
    'effect.';

CREATE TABLE journal_lines (
    month            date NOT NULL,
    entry_id         text NOT NULL,
    line             integer NOT NULL,
    account          text NOT NULL,
    debit            numeric(20, 3) CHECK (debit >= 0),
    credit           numeric(20, 3) CHECK (credit >= 0),
    currency         text NOT NULL,
    party            text,
    description      text,
    reference        text,
    kid              text,
    invoice_number   text,
    settles          text,
    due_date         date,
    vat_category     text,
    vat_code         text,
    vat_rate         numeric(9, 4),
    vat_base         numeric(20, 3),
    foreign_currency text,
    foreign_amount   numeric(20, 3),
    exchange_rate    numeric(18, 8),
    PRIMARY KEY (month, entry_id, line),
    CHECK (num_nonnulls(debit, credit) = 1)
) PARTITION BY RANGE (month);
COMMENT ON COLUMN journal_lines.settles IS
    'What the line settles, as its source names it: source system and id of the document (`holded/5ab…`).';
COMMENT ON COLUMN journal_lines.foreign_amount IS 'As the source gives it; nothing is reckoned in it.';

-- Lines come whole with their entry: those of a statement are exactly 1 to line_count of an entry that is there, and
-- balance in each currency. For a posted entry that can be true only once, for its key holds the lines apart.
CREATE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    SELECT a.month, a.entry_id, sum(a.lines) AS lines, max(e.line_count) AS line_count, min(a.currency) AS currency,
           max(abs(a.balance)) AS balance
    INTO wrong
    FROM (SELECT month, entry_id, currency, count(*) AS lines, min(line) AS low, max(line) AS high,
                 coalesce(sum(debit), 0) - coalesce(sum(credit), 0) AS balance
          FROM added GROUP BY month, entry_id, currency) a
    LEFT JOIN journal_entries e ON e.month = a.month AND e.id = a.entry_id
    GROUP BY a.month, a.entry_id
    HAVING bool_or(a.balance <> 0) OR bool_or(e.id IS NULL) OR sum(a.lines) <> max(e.line_count) OR min(a.low) <> 1
        OR max(a.high) <> max(e.line_count)
    ORDER BY a.month, a.entry_id
    LIMIT 1;
    IF FOUND THEN
        IF wrong.line_count IS NULL THEN
            RAISE EXCEPTION 'there is no journal entry % for these lines', wrong.entry_id
                USING ERRCODE = 'check_violation';
        ELSIF wrong.balance <> 0 THEN
            RAISE EXCEPTION 'the journal entry % does not balance: debits and credits differ by % %',
                wrong.entry_id, wrong.balance, wrong.currency USING ERRCODE = 'check_violation';
        END IF;
        RAISE EXCEPTION 'the journal entry % has % lines, and these are % others or not all of them',
            wrong.entry_id, wrong.line_count, wrong.lines USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

-- What one statement cannot see: an entry whose lines never came, or lines whose entry went. Looked at once, at the end
-- of the transaction, for each month that it touched.
CREATE TABLE journal_checks (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    month date NOT NULL
);
COMMENT ON TABLE journal_checks IS 'The months whose journal a transaction changed; empty when it has ended.';

CREATE FUNCTION remember_journal_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO journal_checks (month) SELECT DISTINCT month FROM changed;
    RETURN NULL;
END $$;

CREATE FUNCTION refuse_incomplete_journal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    entries bigint;
    lines   bigint;
BEGIN
    DELETE FROM journal_checks WHERE month = NEW.month;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT coalesce(sum(line_count), 0) INTO entries FROM journal_entries WHERE month = NEW.month;
    SELECT count(*) INTO lines FROM journal_lines WHERE month = NEW.month;
    IF entries <> lines THEN
        RAISE EXCEPTION 'the journal of % has % lines, and its entries have %', to_char(NEW.month, 'YYYY-MM'), lines, entries
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER complete_journal AFTER INSERT ON journal_checks
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_incomplete_journal();

CREATE FUNCTION refuse_posted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.status = 'draft' AND NEW.status = 'posted'
       AND ROW(OLD.month, OLD.id, OLD.posting_date, OLD.document_date, OLD.source_type, OLD.source_system,
               OLD.source_id, OLD.revision, OLD.reverses, OLD.line_count, OLD.description, OLD.content)
           IS NOT DISTINCT FROM
           ROW(NEW.month, NEW.id, NEW.posting_date, NEW.document_date, NEW.source_type, NEW.source_system,
               NEW.source_id, NEW.revision, NEW.reverses, NEW.line_count, NEW.description, NEW.content) THEN
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' AND OLD.status = 'draft' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the journal entry % is %: % is refused, its correction is another entry', OLD.id, OLD.status, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION refuse_posted_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    posted text;
BEGIN
    SELECT e.id INTO posted FROM removed r JOIN journal_entries e ON e.month = r.month AND e.id = r.entry_id
    WHERE e.status = 'posted' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the journal entry % is posted: DELETE of its lines is refused', posted
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER posted_entry BEFORE UPDATE OR DELETE ON journal_entries FOR EACH ROW EXECUTE FUNCTION refuse_posted();
CREATE TRIGGER never_updated BEFORE UPDATE ON journal_lines FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON journal_entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON journal_lines FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER balanced AFTER INSERT ON journal_lines
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION refuse_unbalanced();
CREATE TRIGGER lines_added AFTER INSERT ON journal_lines
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION remember_journal_change();
CREATE TRIGGER lines_removed AFTER DELETE ON journal_lines
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION remember_journal_change();
CREATE TRIGGER posted_lines AFTER DELETE ON journal_lines
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION refuse_posted_lines();
CREATE TRIGGER entries_added AFTER INSERT ON journal_entries
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION remember_journal_change();
CREATE TRIGGER entries_removed AFTER DELETE ON journal_entries
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION remember_journal_change();

-- In the order in which a bookkeeper would file them, without a gap; what was imported has its number already.
CREATE FUNCTION post_month(month date) RETURNS bigint LANGUAGE sql AS $$
    WITH used AS (
        SELECT coalesce(max(split_part(number, '-', 2)::bigint), 0) AS high FROM journal_entries e
        WHERE e.month = post_month.month AND number ~ ('^' || to_char(post_month.month, 'YYYYMM') || '-[0-9]{6,9}$')
    ), drafts AS (
        SELECT id, row_number() OVER (
            ORDER BY posting_date, source_type COLLATE "C", source_id COLLATE "C", source_system COLLATE "C", revision
        ) AS place
        FROM journal_entries e WHERE e.month = post_month.month AND status = 'draft'
    ), posted AS (
        UPDATE journal_entries e
        SET status = 'posted',
            number = to_char(post_month.month, 'YYYYMM-') || lpad((used.high + drafts.place)::text, 6, '0')
        FROM drafts, used WHERE e.month = post_month.month AND e.id = drafts.id
        RETURNING 1
    )
    SELECT count(*) FROM posted
$$;
COMMENT ON FUNCTION post_month IS 'Posts a month''s drafts, with a number each, and says how many they were.';
