-- name: due
-- What is to leave the folder now (SPEC 8): never a message of which the mailbox holds the only
-- copy, never one that is undecided or held. An error of which somebody is to be told leaves when
-- the mail server has taken what tells of it; of a copy, the first one tells. What nobody may be
-- told of, since that could go round for ever, stays unless it is undesired: a person may have
-- written it.
SELECT l.id AS location, l.uid, l.message, m.message_id, m.header_hash,
       CASE WHEN a.status = 'processed' AND %(after_processing)s = 'move' THEN 'move'
            ELSE 'delete' END AS settlement
  FROM mailticket.location l
  JOIN mailticket.message m ON m.id = l.message
  JOIN mailticket.attempt a ON a.id = m.attempt
  LEFT JOIN mailticket.original o ON o.message = m.id
  LEFT JOIN mailticket.ticket t ON t.id = m.ticket_id
 CROSS JOIN LATERAL (SELECT
       %(error_behavior)s = 'delete'
       AND (a.verdict = 'duplicate'
            OR (a.verdict NOT IN ('rejected', 'failed')
                AND a.steps @> '[{"rule": "forward_errors", "outcome": "skipped"}]')
            OR NOT EXISTS (
                SELECT FROM unnest(%(recipients)s::text[]) AS r (address) WHERE NOT EXISTS (
                    SELECT FROM mailticket.outbox b WHERE b.message = m.id AND b.status = 'sent'
                       AND b.kind = 'forwarded_error' AND b.rule = a.decided_by
                       AND b.recipient = r.address))) AS leaves) AS error
 WHERE l.epoch = %(epoch)s AND l.settled_at IS NULL AND l.gone_at IS NULL
   AND (m.saved_to IS NOT NULL OR o.whole IS NOT false)
   AND CASE a.status::text
       WHEN 'processed' THEN
            %(after_processing)s <> 'keep' OR t.id IS NULL OR t.closed_at IS NOT NULL
       WHEN 'error' THEN (m.saved_to IS NOT NULL AND a.decided_by = 'too_big') OR error.leaves
       WHEN 'undesired' THEN
            CASE WHEN %(undesired_behavior)s = 'purge'
                 THEN a.decided_at <= now() - make_interval(days => %(undesired_purge_delay)s)
                 ELSE error.leaves END
       ELSE false END
 ORDER BY l.id

-- name: bells
SELECT id FROM mailticket.bell WHERE inbox = %(inbox)s AND asked_at <= now()

-- name: ring_when_due
-- A bell for the moment in which the next undesired message is old enough to go. What is old enough
-- already and stayed all the same is left to other runs: it would ring without an end.
WITH earlier AS (
    DELETE FROM mailticket.bell WHERE inbox = %(inbox)s AND asked_at > now())
INSERT INTO mailticket.bell (inbox, asked_at)
SELECT %(inbox)s, min(a.decided_at) + make_interval(days => %(days)s)
  FROM mailticket.location l
  JOIN mailticket.message m ON m.id = l.message
  JOIN mailticket.attempt a ON a.id = m.attempt
 WHERE l.epoch = %(epoch)s AND l.settled_at IS NULL AND l.gone_at IS NULL
   AND a.status = 'undesired' AND a.decided_at > now() - make_interval(days => %(days)s)
HAVING min(a.decided_at) IS NOT NULL

-- name: answer_bells
DELETE FROM mailticket.bell
 WHERE id = ANY (%(ids)s) OR asked_at < now() - interval '30 days'

-- name: mark_settled
UPDATE mailticket.location l
   SET settlement = g.settlement,
       settled_at = CASE WHEN g.gone::boolean THEN NULL ELSE now() END,
       gone_at = CASE WHEN g.gone::boolean THEN now() END
  FROM (VALUES %s) AS g (location, settlement, gone) WHERE l.id = g.location::bigint

-- name: purge_originals
-- Those of messages that are kept in error, held or undecided stay (SPEC 8.5).
DELETE FROM mailticket.original WHERE message = ANY (ARRAY(
    -- One after the other in the order of their age: the young ones are never looked at.
    SELECT o.message FROM mailticket.original o
     CROSS JOIN LATERAL (
           SELECT FROM mailticket.message m JOIN mailticket.attempt a ON a.id = m.attempt
            WHERE m.id = o.message AND m.inbox = %(inbox)s
              AND (a.status IN ('processed', 'undesired', 'ignored')
                   OR (a.status = 'error' AND m.saved_to IS NULL
                       AND EXISTS (SELECT FROM mailticket.location l
                                    WHERE l.message = m.id AND l.settled_at IS NOT NULL)))
            LIMIT 1) old
     WHERE o.stored_at > %(from_)s::timestamptz  -- of a range, any plan thinks that it is short
       AND o.stored_at < now() - make_interval(days => %(days)s)
     ORDER BY o.stored_at LIMIT 5000))
RETURNING message

-- name: purge_drafts
-- What parse read of messages that were decided long ago: a retry begins with their originals.
DELETE FROM mailticket.draft WHERE attempt IN (
    SELECT d.attempt FROM mailticket.draft d
      JOIN mailticket.attempt a ON a.id = d.attempt
      JOIN mailticket.message m ON m.id = a.message
     WHERE m.inbox = %(inbox)s AND a.decided_at < now() - make_interval(days => %(days)s)
     LIMIT 5000)

-- name: latest_epoch
SELECT id, server, login, folder, uidvalidity FROM mailticket.mailbox_epoch
 WHERE inbox = %(inbox)s ORDER BY looked_at DESC NULLS LAST, id DESC LIMIT 1
