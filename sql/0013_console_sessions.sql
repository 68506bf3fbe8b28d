-- Who is signed in to the console. Neither a cookie nor a token can be read from it: of the cookie there is a digest,
-- and the token is sealed with the cookie.

CREATE TABLE console_sessions (
    cookie_digest bytea PRIMARY KEY,
    sealed_token  bytea NOT NULL,
    name          text NOT NULL,
    permission    text NOT NULL CHECK (permission IN ('admin', 'technician', 'billing', 'client')),
    email         text,
    groups        text[] NOT NULL,
    token_id      text,
    expires_at    timestamptz NOT NULL
);
CREATE INDEX console_sessions_by_end ON console_sessions (expires_at);
