-- name: take_lease
-- One that lasts longer than any is taken for was written before the clock was put back.
INSERT INTO mailticket.lease AS l (inbox, holder, expires_at)
VALUES (%(inbox)s, %(holder)s, now() + make_interval(secs => %(seconds)s))
ON CONFLICT (inbox) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
 WHERE l.holder = excluded.holder OR l.expires_at < now()
    OR l.expires_at > now() + 2 * make_interval(secs => %(seconds)s)
RETURNING holder

-- name: lease_holder
SELECT holder, expires_at, greatest(0, extract(epoch FROM expires_at - now()))::float AS seconds
  FROM mailticket.lease WHERE inbox = %(inbox)s

-- name: release_lease
DELETE FROM mailticket.lease WHERE inbox = %(inbox)s AND holder = %(holder)s

-- name: find_run
SELECT id, configuration FROM mailticket.run WHERE inbox = %(inbox)s AND name = %(name)s

-- name: pinned_when
SELECT clear_number FROM mailticket.run WHERE id = %(run)s

-- name: pin_run
INSERT INTO mailticket.run (inbox, name, configuration, clear_number)
VALUES (%(inbox)s, %(name)s, %(hash)s, %(clear_number)s)
ON CONFLICT (inbox, name) DO UPDATE SET configuration = excluded.configuration,
    clear_number = excluded.clear_number, finished_at = NULL
RETURNING id

-- name: keep_configuration
INSERT INTO mailticket.configuration (hash, inbox, document, versions)
VALUES (%(hash)s, %(inbox)s, %(document)s, %(versions)s)
ON CONFLICT (hash) DO NOTHING

-- name: configuration_document
SELECT document FROM mailticket.configuration WHERE hash = %(hash)s

-- name: finish_step
INSERT INTO mailticket.run_step (run, step, clear_number, batch, counts)
VALUES (%(run)s, %(step)s, %(clear_number)s, %(batch)s, %(counts)s)
ON CONFLICT (run, step, clear_number, batch)
DO UPDATE SET finished_at = now(), counts = excluded.counts

-- name: step_finished
SELECT counts, clear_number FROM mailticket.run_step
 WHERE run = %(run)s AND step = %(step)s AND batch = 0 ORDER BY clear_number DESC LIMIT 1

-- name: finish_run
UPDATE mailticket.run SET finished_at = now() WHERE id = %(run)s

-- name: run_counts
SELECT a.verdict::text AS verdict, count(*)::int AS n
  FROM mailticket.attempt a JOIN mailticket.message m ON m.attempt = a.id
 WHERE a.run = %(run)s GROUP BY a.verdict

-- name: run_failures
SELECT m.id AS message, m.message_id, m.sender, m.subject, a.decided_by, a.reason
  FROM mailticket.attempt a JOIN mailticket.message m ON m.attempt = a.id
 WHERE a.run = %(run)s AND a.verdict = 'failed' ORDER BY m.id LIMIT 20

-- name: lock_server
-- One after the other: each counts those before it. Within the transaction, as poolers need it.
SELECT pg_advisory_xact_lock(hashtextextended('mailticket session ' || %(server)s, 0))

-- name: enter_server
WITH alive AS (
    SELECT o.server, o.login FROM mailticket.mailbox_session o
      JOIN mailticket.lease l ON l.inbox = o.inbox AND l.holder = o.holder AND l.expires_at > now()
     WHERE o.server = %(server)s AND o.inbox <> %(inbox)s)
INSERT INTO mailticket.mailbox_session (inbox, holder, server, login)
SELECT %(inbox)s, %(holder)s, %(server)s, %(login)s
 WHERE (%(of_server)s = 0 OR (SELECT count(*) FROM alive) < %(of_server)s)
   AND (%(of_login)s = 0
        OR (SELECT count(*) FROM alive WHERE login = %(login)s) < %(of_login)s)
ON CONFLICT (inbox) DO UPDATE SET holder = excluded.holder, server = excluded.server,
    login = excluded.login, since = now()
RETURNING inbox

-- name: leave_server
DELETE FROM mailticket.mailbox_session WHERE inbox = %(inbox)s AND holder = %(holder)s
