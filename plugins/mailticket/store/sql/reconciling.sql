-- name: lower_cursor
UPDATE mailticket.mailbox_epoch SET cursor = least(cursor, %(cursor)s) WHERE id = %(epoch)s

-- name: back_in_the_folder
-- What should have left the folder, or had left it, and lies there. A copy that was moved is not
-- moved twice: the person who works on the other folder may have taken the first one out already.
SELECT l.id AS location, l.uid, m.message_id, m.header_hash
  FROM mailticket.location l JOIN mailticket.message m ON m.id = l.message
 WHERE l.epoch = %(epoch)s AND l.uid = ANY (%(uids)s)
   AND (l.gone_at IS NOT NULL OR l.settlement = 'delete')

-- name: left_for_people
-- What of an inbox waits for a person or for a run.
SELECT count(*) FILTER (WHERE a.status = 'new')::int AS undecided,
       count(*) FILTER (WHERE a.status = 'error')::int AS in_error,
       count(*) FILTER (WHERE a.status = 'held')::int AS held
  FROM mailticket.message m JOIN mailticket.attempt a ON a.id = m.attempt
 WHERE m.inbox = %(inbox)s AND a.status IN ('new', 'error', 'held')

-- name: unsent_mail
SELECT count(*)::int FROM mailticket.outbox WHERE inbox = %(inbox)s AND status <> 'sent'

-- name: purge_blobs
-- Files that nothing names any more: no attachment, and no draft that may still become one. `parse`
-- renews the date of a file that it meets again.
DELETE FROM mailticket.blob WHERE sha256 IN (
    SELECT b.sha256 FROM mailticket.blob b
     WHERE b.stored_at < now() - interval '1 day'
       AND NOT EXISTS (SELECT FROM mailticket.attachment a WHERE a.sha256 = b.sha256)
       AND encode(b.sha256, 'hex') NOT IN (
           SELECT f.digest #>> '{}'
             FROM mailticket.draft d, jsonb_path_query(d.document, '$.**.sha256') AS f (digest)
            WHERE f.digest <> 'null')
     LIMIT 1000)
RETURNING 1

-- name: purge_runs
-- Looks that found nothing: no decision names them.
DELETE FROM mailticket.run WHERE id IN (
    SELECT r.id FROM mailticket.run r
     WHERE r.inbox = %(inbox)s AND r.started_at < now() - make_interval(days => %(days)s)
       AND NOT EXISTS (SELECT FROM mailticket.attempt a WHERE a.run = r.id)
     LIMIT 5000)
RETURNING 1
