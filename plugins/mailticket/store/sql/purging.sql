-- name: unconfigured_inboxes
-- Inboxes that once ran and are not among these, with the configuration of their last run.
SELECT i.inbox, c.document
  FROM (SELECT DISTINCT inbox FROM mailticket.configuration WHERE inbox <> ALL (%(known)s)) i
  LEFT JOIN LATERAL (SELECT r.configuration AS hash FROM mailticket.run r
                      WHERE r.inbox = i.inbox ORDER BY r.id DESC LIMIT 1) last ON true
 CROSS JOIN LATERAL (SELECT n.document FROM mailticket.configuration n WHERE n.inbox = i.inbox
                      ORDER BY n.hash = last.hash DESC NULLS LAST, n.created_at DESC LIMIT 1) c
 ORDER BY i.inbox

-- name: purge_runs
-- Looks that found nothing: no decision names them.
DELETE FROM mailticket.run WHERE id IN (
    SELECT r.id FROM mailticket.run r
     WHERE r.inbox = %(inbox)s AND r.started_at < now() - make_interval(days => %(days)s)
       AND NOT EXISTS (SELECT FROM mailticket.attempt a WHERE a.run = r.id)
     LIMIT 5000)
RETURNING 1

-- name: purge_events
-- A piece of the feed in its own order; `old` says whether there was anything to be purged in it.
-- What was not announced yet stays as long as somebody may come to announce it.
WITH piece AS MATERIALIZED (
    SELECT e.xid, e.id, e.created_at,
           coalesce(e.inbox, (SELECT r.inbox FROM mailticket.run r WHERE r.id = e.run)) AS inbox,
           e.announced_at IS NULL AND e.run IS NOT NULL AS unannounced
      FROM mailticket.ticket_event e
     WHERE (e.xid, e.id) > (%(xid)s::text::xid8, %(id)s)
     ORDER BY e.xid, e.id LIMIT 5000),
purged AS (
    DELETE FROM mailticket.ticket_event WHERE id = ANY (ARRAY(
        SELECT p.id FROM piece p
          LEFT JOIN unnest(%(inboxes)s::text[], %(days)s::int[], %(announcing)s::boolean[])
               AS kept (inbox, days, announces) ON kept.inbox = p.inbox
         WHERE p.created_at < now() - make_interval(days => coalesce(kept.days, %(longest)s))
           AND NOT (p.unannounced AND coalesce(kept.announces, true))))
    RETURNING 1)
SELECT last.xid::text AS xid, last.id, (SELECT count(*)::int FROM purged) AS purged,
       (SELECT min(created_at) FROM piece) < now() - make_interval(days => %(shortest)s) AS old
  FROM (SELECT xid, id FROM piece ORDER BY xid DESC, id DESC LIMIT 1) last

-- name: unattached_files
-- A piece of the files in the order of their names: its end, and those that no attachment names.
-- `parse` renews the date of a file that it meets again.
WITH piece AS MATERIALIZED (
    SELECT sha256 FROM mailticket.blob WHERE sha256 > %(after)s ORDER BY sha256 LIMIT 5000)
SELECT last.sha256 AS last, ARRAY(
       SELECT p.sha256 FROM piece p
         LEFT JOIN LATERAL (SELECT true AS found FROM mailticket.attachment a
                             WHERE a.sha256 = p.sha256 LIMIT 1) named ON true
        CROSS JOIN LATERAL (SELECT b.stored_at FROM mailticket.blob b
                             WHERE b.sha256 = p.sha256 LIMIT 1) stored
        WHERE named.found IS NULL AND stored.stored_at < now() - interval '1 day') AS unattached
  FROM (SELECT sha256 FROM piece ORDER BY sha256 DESC LIMIT 1) last

-- name: drafted_files
-- Which of these files each draft of a piece names: they may still become attachments.
SELECT d.attempt, ARRAY(
       SELECT f.digest #>> '{}' FROM jsonb_path_query(d.document, '$.**.sha256') AS f (digest)
        WHERE f.digest #>> '{}' = ANY (%(digests)s)) AS named
  FROM mailticket.draft d WHERE d.attempt > %(after)s ORDER BY d.attempt LIMIT 200

-- name: purge_files
-- Asked once more: a mail may have brought one of them at this moment.
DELETE FROM mailticket.blob b
 WHERE b.sha256 = ANY (%(digests)s) AND b.stored_at < now() - interval '1 day'
   AND NOT EXISTS (SELECT FROM mailticket.attachment a WHERE a.sha256 = b.sha256)
RETURNING 1
