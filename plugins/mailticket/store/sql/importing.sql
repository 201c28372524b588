-- name: replace_members
-- Makes the members of some teams those that are given; gives the teams that it changed.
WITH given AS (
    SELECT * FROM unnest(%(teams)s::bigint[], %(persons)s::bigint[]) AS g (team_id, person_id)),
gone AS (
    DELETE FROM mailticket.team_member m
     WHERE m.team_id = ANY (%(named)s::bigint[])
       AND NOT EXISTS (SELECT FROM given g
                        WHERE g.team_id = m.team_id AND g.person_id = m.person_id)
    RETURNING m.team_id),
come AS (
    INSERT INTO mailticket.team_member (team_id, person_id) SELECT team_id, person_id FROM given
        ON CONFLICT DO NOTHING
    RETURNING team_id)
SELECT team_id FROM gone UNION SELECT team_id FROM come

-- name: persons_by_address
SELECT id, lower(email COLLATE "C") AS name FROM mailticket.person
 WHERE lower(email COLLATE "C") = ANY (%(names)s) ORDER BY id

-- name: not_null_columns
SELECT attname AS name FROM pg_attribute
 WHERE attrelid = to_regclass('mailticket.' || quote_ident(%(table)s))
   AND attnum > 0 AND NOT attisdropped AND attnotnull
