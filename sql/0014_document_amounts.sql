-- What a document comes to: discounts of the whole document, and what is withheld from its lines.

ALTER TABLE invoices ADD COLUMN discount numeric(9, 4) NOT NULL DEFAULT 0;
COMMENT ON COLUMN invoices.discount IS 'Percent off the whole document. Its total says what it comes to; this says why.';
ALTER TABLE invoice_lines ADD COLUMN retention numeric(9, 4) NOT NULL DEFAULT 0;
COMMENT ON COLUMN invoice_lines.retention IS 'Percent of the line that the client withholds and pays to the tax office.';
COMMENT ON COLUMN invoice_lines.net_amount IS
    'Price x units less discount, without tax, rounded half up to the currency''s least amount, as on the document: of '
    'a credit note it is positive, and a discount of the document is not in it. What a line comes to is in contracts.';
