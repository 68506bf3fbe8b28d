-- The CFO sync among other people's tables, restored databases and the payments of real chains.

-- What a payment is told by: the hash, and where one transaction pays several times, its output.
ALTER TABLE crypto_payment_transactions
    DROP CONSTRAINT crypto_payment_transactions_transaction_hash_key,
    ADD COLUMN output text NOT NULL DEFAULT '',
    ADD COLUMN counts boolean NOT NULL DEFAULT true,
    ADD COLUMN is_unexpected boolean NOT NULL DEFAULT false,
    ADD COLUMN lost_at timestamptz,
    ADD COLUMN settled_at timestamptz,
    ADD COLUMN settlement text,
    ADD CONSTRAINT crypto_payment_transactions_settled CHECK ((settled_at IS NULL) = (settlement IS NULL)),
    ADD UNIQUE (transaction_hash, output);
COMMENT ON TABLE crypto_payment_transactions IS
    'Payments by their transaction hash and output: told twice, counted once.';
COMMENT ON COLUMN crypto_payment_transactions.counts IS
    'False where it came on another network than the invoice''s: kept, and for a person to see to.';
COMMENT ON COLUMN crypto_payment_transactions.is_unexpected IS
    'It came when the invoice was cancelled or complete already: kept, and for a person to see to.';
COMMENT ON COLUMN crypto_payment_transactions.lost_at IS
    'When it lost confirmations that it had had: the chain was re-organised, or it vanished. Null when it has them again.';
COMMENT ON COLUMN crypto_payment_transactions.settlement IS
    'What a person did about a payment that fits nothing, such as sending it back.';

-- What was received counts among the facts of a paid invoice: the CFO reads it beside the amount.
ALTER TABLE crypto_invoices ADD COLUMN received numeric(38, 18);
COMMENT ON COLUMN crypto_invoices.received IS
    'What payments made it paid, in its own currency; null where it was paid by other means.';
UPDATE crypto_invoices i SET received = p.received
FROM (SELECT invoice_id, sum(amount) AS received FROM crypto_payment_transactions
      WHERE confirmed_at IS NOT NULL GROUP BY 1) p
WHERE p.invoice_id = i.id AND i.status IN ('paid', 'overpaid', 'complete') AND p.received >= i.crypto_amount * 0.995;

-- The CFO's ids may be of any width, and what was handed over is looked up by what it was handed over as.
DROP VIEW v_crypto_invoices_synced;
ALTER TABLE crypto_invoice_cfo_sync
    ALTER cfo_transaction_id TYPE bigint,
    ADD COLUMN identifier_mapped text,
    ADD COLUMN lost_at timestamptz;
ALTER TABLE crypto_cfo_sync_log ALTER cfo_transaction_id TYPE bigint;
COMMENT ON COLUMN crypto_invoice_cfo_sync.identifier_mapped IS 'The Identifier with which it was handed over or linked.';
COMMENT ON COLUMN crypto_invoice_cfo_sync.lost_at IS
    'When its transaction was found to be gone, or another''s, as after a restore: it was made ready again then.';
UPDATE crypto_invoice_cfo_sync s SET identifier_mapped = coalesce(
    (SELECT l.request_payload ->> 'identifier' FROM crypto_cfo_sync_log l
     WHERE l.invoice_id = s.invoice_id AND l.sync_status = 'synced' ORDER BY l.id DESC LIMIT 1),
    (SELECT i.invoice_number FROM crypto_invoices i WHERE i.id = s.invoice_id))
WHERE s.sync_status = 'synced';

-- `currency` is the currency of the amount; what was paid in another one stands in `paid_in`.
CREATE OR REPLACE VIEW v_paid_invoices AS
    SELECT i.id AS invoice_id, 'crypto' AS origin, i.invoice_number, c.name AS client_name, i.billing_period,
           i.description, i.amount_usd AS amount, 'USD'::text AS currency, i.paid_at, i.paid_at AS known_at, i.status,
           trim_scale(coalesce(i.received, i.crypto_amount))::text || ' ' || nullif(btrim(i.crypto_currency), '') AS paid_in
    FROM crypto_invoices i JOIN crypto_clients c ON c.id = i.client_id
    WHERE i.status IN ('paid', 'overpaid', 'complete')
    UNION ALL
    SELECT p.invoice_id, 'holded', h.document_number, h.contact_name, to_char(h.date, 'YYYY-MM'), h.description, h.total,
           h.currency, coalesce(h.last_payment_on, h.date)::timestamp AT TIME ZONE 'UTC', p.known_at, 'paid', NULL
    FROM holded_paid_invoices p JOIN v_holded_paid_invoices h ON h.id = p.holded_id;

-- What was lost and is handed over again counts from when that was found.
CREATE OR REPLACE VIEW v_crypto_invoices_pending_sync AS
    SELECT p.invoice_id, p.origin, p.invoice_number, p.client_name, p.amount AS amount_usd, p.currency, p.paid_at,
           s.sync_status, coalesce(s.retry_count, 0) AS retry_count, s.sync_error, s.next_attempt_at, s.claimed_at,
           coalesce(s.retryable, true) AS retryable, greatest(p.known_at, s.lost_at) AS known_at, p.paid_in
    FROM v_paid_invoices p LEFT JOIN crypto_invoice_cfo_sync s USING (invoice_id)
    WHERE s.sync_status IS DISTINCT FROM 'synced' AND (p.status <> 'complete' OR s.sync_status IS NOT NULL);

CREATE VIEW v_crypto_invoices_synced AS
    SELECT p.invoice_id, p.origin, p.invoice_number, p.client_name, p.amount AS amount_usd, p.currency, p.paid_at,
           greatest(p.known_at, s.lost_at) AS known_at, p.status AS invoice_status, s.cfo_transaction_id, s.sync_timestamp,
           s.entity_mapped, s.category_mapped, s.subcategory_mapped, s.confidence_score, s.retry_count, p.paid_in,
           s.identifier_mapped
    FROM v_paid_invoices p JOIN crypto_invoice_cfo_sync s USING (invoice_id)
    WHERE s.sync_status = 'synced';

-- As before, with what was paid.
DROP FUNCTION claim_invoices_for_sync(timestamptz, uuid, integer, date[], integer[], boolean);
CREATE FUNCTION claim_invoices_for_sync(
    at timestamptz, token uuid, at_most integer, months date[], invoice_ids integer[], force boolean
) RETURNS TABLE (
    wanted bigint, invoice_id integer, origin text, invoice_number text, client_name text, billing_period text,
    description text, amount numeric, currency text, paid_in text, paid_at timestamptz, retry_count integer
) LANGUAGE sql AS $$
    WITH wanted AS MATERIALIZED (
        SELECT p.*, s.sync_status
        FROM v_paid_invoices p LEFT JOIN crypto_invoice_cfo_sync s USING (invoice_id)
        WHERE (is_ready_for_sync(s.sync_status, s.claimed_at, s.next_attempt_at, s.retryable, s.retry_count, at)
               OR (force AND s.sync_status IN ('failed', 'retry')))
          AND (p.status <> 'complete' OR s.sync_status IS NOT NULL)
          AND (months IS NULL OR date_trunc('month', p.paid_at AT TIME ZONE 'UTC')::date = ANY (months))
          AND (invoice_ids IS NULL OR p.invoice_id = ANY (invoice_ids))
        ORDER BY p.paid_at, p.invoice_id LIMIT at_most
    ), free AS (
        SELECT s.id
        FROM crypto_invoice_cfo_sync s JOIN wanted USING (invoice_id)
        WHERE is_ready_for_sync(s.sync_status, s.claimed_at, s.next_attempt_at, s.retryable, s.retry_count, at)
           OR (force AND s.sync_status IN ('failed', 'retry'))
        FOR UPDATE OF s SKIP LOCKED
    ), again AS (
        UPDATE crypto_invoice_cfo_sync s
        SET sync_status = 'pending', claim = token, claimed_at = at, next_attempt_at = NULL,
            retry_count = CASE WHEN force AND s.sync_status IN ('failed', 'retry') THEN 0 ELSE s.retry_count END
        FROM free WHERE free.id = s.id RETURNING s.invoice_id, s.retry_count
    ), fresh AS (
        INSERT INTO crypto_invoice_cfo_sync (invoice_id, sync_status, claim, claimed_at, created_at)
        SELECT w.invoice_id, 'pending', token, at, at FROM wanted w WHERE w.sync_status IS NULL
        ON CONFLICT (invoice_id) DO NOTHING RETURNING invoice_id, retry_count
    ), claimed AS (
        SELECT w.*, c.retry_count
        FROM wanted w JOIN (SELECT * FROM again UNION ALL SELECT * FROM fresh) c USING (invoice_id)
    )
    SELECT n.wanted, c.invoice_id, c.origin, c.invoice_number, c.client_name, c.billing_period, c.description, c.amount,
           c.currency, c.paid_in, c.paid_at, c.retry_count
    FROM (SELECT count(*) AS wanted FROM wanted) n LEFT JOIN claimed c ON true
    ORDER BY c.invoice_id
$$;
