-- name: vault_row
SELECT sealed FROM mailticket.vault

-- name: make_vault
-- Two tasks may make it at once: the first one's row counts for both.
INSERT INTO mailticket.vault (sealed) VALUES (%(sealed)s) ON CONFLICT DO NOTHING

-- name: reseal_vault
UPDATE mailticket.vault SET sealed = %(sealed)s WHERE sealed = %(former)s

-- name: forget_vault
DELETE FROM mailticket.vault

-- name: forget_tokens
DELETE FROM mailticket.oauth_token

-- name: forget_grants
DELETE FROM mailticket.oauth_grant

-- name: sealed_tokens
SELECT connection, scope, sealed FROM mailticket.oauth_token WHERE sealed IS NOT NULL

-- name: sealed_grants
SELECT origin, sealed FROM mailticket.oauth_grant WHERE sealed IS NOT NULL

-- name: reseal_token
UPDATE mailticket.oauth_token SET sealed = %(sealed)s
 WHERE connection = %(connection)s AND scope = %(scope)s AND sealed = %(former)s

-- name: reseal_grant
UPDATE mailticket.oauth_grant SET sealed = %(sealed)s
 WHERE origin = %(origin)s AND sealed = %(former)s

-- name: kept_token
SELECT sealed, client, now() < renew_at AS fresh, now() < expires_at AS valid
  FROM mailticket.oauth_token WHERE connection = %(connection)s AND scope = %(scope)s

-- name: wait_no_longer
-- Another task may be asking the endpoint: that takes a bounded time.
SELECT set_config('lock_timeout', '60s', true)

-- name: lock_token
INSERT INTO mailticket.oauth_token (connection, scope) VALUES (%(connection)s, %(scope)s)
ON CONFLICT (connection, scope) DO UPDATE SET scope = excluded.scope

-- name: lock_grant
INSERT INTO mailticket.oauth_grant (origin) VALUES (%(origin)s)
ON CONFLICT (origin) DO UPDATE SET used_at = now()
RETURNING sealed

-- name: keep_grant
-- Only over the token that was asked with: whoever came later knows better.
INSERT INTO mailticket.oauth_grant AS g (origin, sealed, rotated_at)
VALUES (%(origin)s, %(sealed)s, now())
ON CONFLICT (origin) DO UPDATE
   SET sealed = excluded.sealed, rotated_at = now(), used_at = now()
 WHERE g.sealed IS NOT DISTINCT FROM %(former)s

-- name: drop_old_grants
-- No provider of ours keeps a refresh token alive that long without its being used.
DELETE FROM mailticket.oauth_grant WHERE used_at < now() - interval '400 days'

-- name: keep_token
INSERT INTO mailticket.oauth_token (connection, scope, client, sealed, renew_at, expires_at, fetched_at)
VALUES (%(connection)s, %(scope)s, %(client)s, %(sealed)s,
        now() + make_interval(secs => %(renew)s), now() + make_interval(secs => %(life)s), now())
ON CONFLICT (connection, scope) DO UPDATE
   SET client = excluded.client, sealed = excluded.sealed, renew_at = excluded.renew_at,
       expires_at = excluded.expires_at, fetched_at = excluded.fetched_at

-- name: refusal
SELECT salt, fingerprint, refusals, reason, insisted,
       to_char(refused_at AT TIME ZONE 'UTC', 'HH24:MI') AS refused,
       to_char(next_try_at AT TIME ZONE 'UTC', 'HH24:MI') AS next_try
  FROM mailticket.sign_in_refusal WHERE connection = %(connection)s

-- name: claim_try
-- One of those who wait may try; should it die, the next one may two minutes later.
UPDATE mailticket.sign_in_refusal SET next_try_at = now() + interval '2 minutes'
 WHERE connection = %(connection)s AND next_try_at <= now()
RETURNING connection

-- name: claim_insisted
UPDATE mailticket.sign_in_refusal SET insisted = %(by)s
 WHERE connection = %(connection)s AND insisted <> %(by)s
RETURNING connection

-- name: forget_refusal
DELETE FROM mailticket.sign_in_refusal WHERE connection = %(connection)s

-- name: note_refusal
-- A minute, doubled each time, an hour at most. A Connection that was changed begins anew.
INSERT INTO mailticket.sign_in_refusal AS r
       (connection, salt, fingerprint, next_try_at, insisted, reason)
VALUES (%(connection)s, %(salt)s, %(fingerprint)s, now() + interval '1 minute', %(by)s, %(reason)s)
ON CONFLICT (connection) DO UPDATE
   SET refusals = r.refusals + 1, refused_at = now(), reason = excluded.reason,
       insisted = excluded.insisted, salt = excluded.salt, fingerprint = excluded.fingerprint,
       next_try_at = now() + least(interval '1 minute' * (2 ^ least(r.refusals, 10))::int,
                                   interval '1 hour')
RETURNING to_char(next_try_at AT TIME ZONE 'UTC', 'HH24:MI') AS next_try
