-- The people behind invoices: clients, 4Geeks' service periods, Notion's pages; what was seen of them is kept as facts.

CREATE TABLE clients (
    month      date NOT NULL,
    contact_id text NOT NULL,
    name       text NOT NULL,
    email      text,
    student_id bigint,
    user_id    bigint,
    PRIMARY KEY (month, contact_id)
) PARTITION BY RANGE (month);

CREATE TABLE client_users (
    contact_id       text PRIMARY KEY,
    user_id          bigint NOT NULL,
    first_matched_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE client_users IS
    'The user of 4Geeks that a contact of Holded was first matched to: it stays so, whatever becomes of the address. '
    'Where a match was wrong, a person deletes its row.';

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
    is_period          boolean NOT NULL DEFAULT true,
    PRIMARY KEY (month, id),
    CHECK (start_date <= end_date),
    CHECK ((status = 'ACTIVE') = (status_change_date IS NULL))
) PARTITION BY RANGE (month);
COMMENT ON TABLE enrollments IS
    'Service periods, in every month from when they were known or begun to when they end or last changed. What is '
    'known of a period is its row that was updated last.';
COMMENT ON COLUMN enrollments.is_period IS
    'False: another month holds this membership as a service period, and it is none: a micro cohort''s, an unpaid '
    'cohort''s, or a second one in the same cohort.';
COMMENT ON COLUMN enrollments.is_removed IS
    'The membership is gone from 4Geeks: it counts as postponed on the last day of the last month that knew it.';

CREATE TABLE membership_statuses (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    membership_id      bigint NOT NULL,
    user_id            bigint,
    email              text,
    educational_status text,
    updated_at         timestamptz NOT NULL,
    status_date        date NOT NULL,
    first_seen_at      timestamptz NOT NULL
);
CREATE INDEX membership_statuses_by_membership ON membership_statuses (membership_id, id);
COMMENT ON TABLE membership_statuses IS
    'A row for each time that a membership of 4Geeks was seen with another educational status than before: a fact, '
    'which no run changes. 4Geeks keeps no date of a status, and moves updated_at with every attendance.';
COMMENT ON COLUMN membership_statuses.status_date IS
    'The day, in the school''s zone, of updated_at, with which this status was first seen.';

CREATE TABLE enrolled_users (
    membership_id bigint PRIMARY KEY,
    user_id       bigint,
    email         text
);
COMMENT ON TABLE enrolled_users IS
    'Every membership that 4Geeks had when it was last read, also one that is no service period or cannot be used: '
    'whoever has one has not resigned. A list that may be incomplete takes none away.';

CREATE TABLE unpaid_cohorts (
    pattern  text PRIMARY KEY CHECK (pattern <> '' AND pattern = lower(btrim(pattern))),
    note     text,
    added_by text,
    added_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE unpaid_cohorts IS
    'Cohorts of 4Geeks that nobody pays for, edited by people: slugs in small letters, in which * stands for any '
    'text. Their memberships are no service periods.';
SELECT record_edits_of('unpaid_cohorts');

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
