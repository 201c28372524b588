-- name: lower_cursor
UPDATE mailticket.mailbox_epoch SET cursor = least(cursor, %(cursor)s) WHERE id = %(epoch)s

-- name: decided_ahead_of_time
-- The clock was ahead, and was put right: what is to stay for some days would stay until then. Its
-- days begin now, so that nothing goes sooner than is promised.
UPDATE mailticket.attempt SET decided_at = now() WHERE id = ANY (ARRAY(
    SELECT a.id FROM mailticket.location l
      JOIN mailticket.message m ON m.id = l.message
      JOIN mailticket.attempt a ON a.id = m.attempt
     WHERE l.epoch = %(epoch)s AND l.settled_at IS NULL AND l.gone_at IS NULL
       AND a.status = 'undesired' AND a.decided_at > now() + interval '1 hour'))
RETURNING id

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
