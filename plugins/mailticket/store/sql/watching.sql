-- name: asks_for_runs
-- What waits for a run though no new mail may come: (inbox, what, key); the same key as long as the
-- same things wait. Mail that its server does not take keeps its key when it is tried again.
SELECT inbox, 'settle' AS what, max(id)::text AS key FROM mailticket.bell
 WHERE asked_at <= now() GROUP BY inbox
UNION ALL
SELECT inbox, 'send', max(id)::text FROM mailticket.outbox
 WHERE status IN ('waiting', 'sending') AND not_before <= now() GROUP BY inbox
UNION ALL
SELECT inbox, 'rest', max(rest_of)::text FROM mailticket.mailbox_epoch
 WHERE rest_of IS NOT NULL GROUP BY inbox
UNION ALL
-- Changes of which no other DAG was told: more than one run announces, or made from a shell.
SELECT r.inbox, 'announce', min(e.id)::text
  FROM mailticket.ticket_event e JOIN mailticket.run r ON r.id = e.run
 WHERE e.announced_at IS NULL AND r.finished_at < now() - interval '30 seconds' GROUP BY r.inbox

-- name: undecided_messages
-- Left by dead runs, waiting for another message, or reset by a person. Not those of a pass that
-- lives, and of a run that has just ended only after a while: what a message waits for may come.
WITH undecided AS (
    SELECT m.inbox, a.run, max(a.id) AS newest
      FROM mailticket.attempt a JOIN mailticket.message m ON m.attempt = a.id
     WHERE a.status = 'new' GROUP BY m.inbox, a.run)
SELECT u.inbox, 'undecided' AS what, max(coalesce(u.run, 0)) || ':' || max(u.newest) AS key
  FROM undecided u
  LEFT JOIN mailticket.run r ON r.id = u.run
 WHERE NOT EXISTS (SELECT FROM mailticket.lease l
                    WHERE l.inbox = u.inbox AND l.expires_at > now())
   AND (r.id IS NULL OR greatest(r.started_at, r.finished_at) < now() - interval '30 seconds')
 GROUP BY u.inbox

-- name: progress_of_runs
-- For each inbox: the last runs that have fetched, and that have ended; whether a pass is at work.
SELECT i.inbox,
       (SELECT max(r.id) FROM (SELECT id FROM mailticket.run WHERE inbox = i.inbox
                                ORDER BY id DESC LIMIT 5) r
          JOIN mailticket.run_step s ON s.run = r.id AND s.step = 'fetch') AS fetched,
       (SELECT max(r.id) FROM (SELECT id, finished_at FROM mailticket.run WHERE inbox = i.inbox
                                ORDER BY id DESC LIMIT 5) r
         WHERE r.finished_at IS NOT NULL) AS finished,
       EXISTS (SELECT FROM mailticket.lease l
                WHERE l.inbox = i.inbox AND l.expires_at > now()) AS busy
  FROM unnest(%(inboxes)s::text[]) AS i (inbox)

-- name: known_place
-- The latest life of a folder under this UIDVALIDITY, and up to which UID its messages have rows.
SELECT id, cursor FROM mailticket.mailbox_epoch
 WHERE (inbox, server, login, folder, uidvalidity)
     = (%(inbox)s, %(server)s, %(login)s, %(folder)s, %(uidvalidity)s)
 ORDER BY generation DESC LIMIT 1

-- name: unknown_uids
SELECT u.uid FROM unnest(%(uids)s::text[]) AS u (uid)
 WHERE NOT EXISTS (SELECT FROM mailticket.location l WHERE l.epoch = %(epoch)s AND l.uid = u.uid)

-- name: inbox_state
SELECT inbox, watched_by, well_at, failing_since, error, told_at FROM mailticket.inbox_state
 WHERE inbox = %(inbox)s

-- name: inbox_well
INSERT INTO mailticket.inbox_state AS s (inbox, watched_by, well_at)
SELECT g.inbox, g.how, now() FROM (VALUES %s) AS g (inbox, how)
ON CONFLICT (inbox) DO UPDATE SET watched_by = excluded.watched_by, well_at = excluded.well_at,
    failing_since = NULL, error = NULL, told_at = NULL,
    changed_at = CASE WHEN s.failing_since IS NULL THEN s.changed_at ELSE now() END

-- name: inbox_failing
INSERT INTO mailticket.inbox_state AS s (inbox, failing_since, error, told_at)
VALUES (%(inbox)s, now() - make_interval(secs => %(seconds)s), %(error)s,
        CASE WHEN %(told)s THEN now() END)
ON CONFLICT (inbox) DO UPDATE SET
    failing_since = coalesce(s.failing_since, excluded.failing_since), error = excluded.error,
    told_at = coalesce(s.told_at, excluded.told_at),
    changed_at = CASE WHEN s.error IS DISTINCT FROM excluded.error THEN now() ELSE s.changed_at END

-- name: forget_inbox
DELETE FROM mailticket.inbox_state WHERE inbox = %(inbox)s
