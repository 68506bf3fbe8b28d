-- What a review of the CFO sync found: invoices that could be taken for one another, or taken up without need.

-- Crypto and paid Holded invoices are numbered together: an id from elsewhere could be another invoice's.
ALTER TABLE crypto_invoices ALTER id SET GENERATED ALWAYS;

-- Complete means handed over. One that no sync has taken up came complete from elsewhere, and is not handed over again.
CREATE OR REPLACE VIEW v_crypto_invoices_pending_sync AS
    SELECT p.invoice_id, p.origin, p.invoice_number, p.client_name, p.amount AS amount_usd, p.currency, p.paid_at,
           s.sync_status, coalesce(s.retry_count, 0) AS retry_count, s.sync_error, s.next_attempt_at, s.claimed_at,
           coalesce(s.retryable, true) AS retryable
    FROM v_paid_invoices p LEFT JOIN crypto_invoice_cfo_sync s USING (invoice_id)
    WHERE s.sync_status IS DISTINCT FROM 'synced' AND (p.status <> 'complete' OR s.sync_status IS NOT NULL);

-- As before, but for what came complete from elsewhere; and force takes what waits for its retry, too.
CREATE OR REPLACE FUNCTION claim_invoices_for_sync(
    at timestamptz, token uuid, at_most integer, months date[], invoice_ids integer[], force boolean
) RETURNS TABLE (
    wanted bigint, invoice_id integer, origin text, invoice_number text, client_name text, billing_period text,
    description text, amount numeric, currency text, paid_at timestamptz, retry_count integer
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
           c.currency, c.paid_at, c.retry_count
    FROM (SELECT count(*) AS wanted FROM wanted) n LEFT JOIN claimed c ON true
    ORDER BY c.invoice_id
$$;

-- A hash is told with 0x before it or without: kept without, it is counted once.
UPDATE crypto_payment_transactions p SET transaction_hash = substr(transaction_hash, 3)
WHERE transaction_hash ~ '^0x[0-9a-f]{6,}$'
  AND NOT EXISTS (SELECT FROM crypto_payment_transactions o WHERE o.transaction_hash = substr(p.transaction_hash, 3));
