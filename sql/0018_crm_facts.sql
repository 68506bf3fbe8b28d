-- What was seen of 4Geeks' and Notion's records, kept as facts; and which cohorts nobody pays for.

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

-- What closed and older months hold is what was seen then.
INSERT INTO membership_statuses
    (membership_id, user_id, email, educational_status, updated_at, status_date, first_seen_at)
SELECT id, user_id, email, seen, updated_at,
       coalesce(status_change_date, (updated_at AT TIME ZONE 'UTC')::date), now()
FROM (
    SELECT *, lag(seen) OVER known AS before, row_number() OVER known AS place
    FROM (SELECT *, nullif(upper(btrim(educational_status)), '') AS seen FROM enrollments) AS rows
    WINDOW known AS (PARTITION BY id ORDER BY updated_at, month)
) AS history
WHERE place = 1 OR seen IS DISTINCT FROM before
ORDER BY id, updated_at, month;

CREATE TABLE client_users (
    contact_id       text PRIMARY KEY,
    user_id          bigint NOT NULL,
    first_matched_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE client_users IS
    'The user of 4Geeks that a contact of Holded was first matched to: it stays so, whatever becomes of the address. '
    'Where a match was wrong, a person deletes its row.';

INSERT INTO client_users (contact_id, user_id)
SELECT DISTINCT ON (contact_id) contact_id, user_id FROM clients WHERE user_id IS NOT NULL ORDER BY contact_id, month;

CREATE TABLE enrolled_users (
    membership_id bigint PRIMARY KEY,
    user_id       bigint,
    email         text
);
COMMENT ON TABLE enrolled_users IS
    'Every membership that 4Geeks had when it was last read, also one that is no service period or cannot be used: '
    'whoever has one has not resigned. A list that may be incomplete takes none away.';

CREATE TABLE source_lists (
    integration_name text NOT NULL,
    list_name        text NOT NULL,
    records          bigint NOT NULL,
    read_at          timestamptz NOT NULL,
    PRIMARY KEY (integration_name, list_name)
);
COMMENT ON TABLE source_lists IS
    'How many records each list of a source had when it was last read and believed: one that comes back far shorter '
    'is doubted.';

CREATE TABLE unpaid_cohorts (
    pattern  text PRIMARY KEY CHECK (pattern <> '' AND pattern = lower(btrim(pattern))),
    note     text,
    added_by text,
    added_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE unpaid_cohorts IS
    'Cohorts of 4Geeks that nobody pays for, edited by people: slugs in small letters, in which * stands for any '
    'text. Their memberships are no service periods.';
