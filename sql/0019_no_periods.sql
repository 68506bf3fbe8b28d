-- Memberships that other months hold as service periods, and that are none.

ALTER TABLE enrollments ADD COLUMN is_period boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN enrollments.is_period IS
    'False: another month holds this membership as a service period, and it is none: a micro cohort''s, an unpaid '
    'cohort''s, or a second one in the same cohort.';
COMMENT ON COLUMN enrollments.is_removed IS
    'The membership is gone from 4Geeks: it counts as postponed on the last day of the last month that knew it.';
