-- What is called sealed here is encrypted with Airflow's Fernet key.

-- One row at most: it opens with the right key only, and holds what the hashes below are keyed with.
CREATE TABLE mailticket.vault (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    sealed text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- A refresh token that its provider rotated. The same token in two Connections is one grant.
CREATE TABLE mailticket.oauth_grant (
    origin bytea PRIMARY KEY,     -- keyed hash of endpoint, client and the token in the Connection
    sealed text,                  -- the token of now; null while it is the one in the Connection
    rotated_at timestamptz,
    used_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE mailticket.oauth_token (
    connection text NOT NULL,
    scope text NOT NULL,
    client bytea,                 -- keyed hash of all that it was asked with
    sealed text,
    renew_at timestamptz,
    expires_at timestamptz,
    fetched_at timestamptz,
    PRIMARY KEY (connection, scope)
);

CREATE TABLE mailticket.sign_in_refusal (
    connection text PRIMARY KEY,
    salt bytea NOT NULL,
    fingerprint bytea NOT NULL,   -- salted scrypt of the Connection as it was refused
    refusals integer NOT NULL DEFAULT 1,
    refused_at timestamptz NOT NULL DEFAULT now(),
    next_try_at timestamptz NOT NULL,
    insisted text NOT NULL DEFAULT '',  -- the run by which a person asked for a try before its time
    reason text NOT NULL
);
