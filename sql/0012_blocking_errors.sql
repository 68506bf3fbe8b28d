-- Errors that are only notes: the record they name is in the books all the same.

ALTER TABLE integration_errors ADD COLUMN is_blocking boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN integration_errors.is_blocking IS
    'What the error names is missing from the books, or may be: while it is open, a month that it troubles is not '
    'closed for good. False: a field that bears on nothing could not be read, and the record counts all the same.';
