-- name: open_epoch
INSERT INTO mailticket.mailbox_epoch AS e
       (inbox, server, login, folder, uidvalidity, looked_at, generation)
VALUES (%(inbox)s, %(server)s, %(login)s, %(folder)s, %(uidvalidity)s, now(),
        coalesce((SELECT max(generation) FROM mailticket.mailbox_epoch
                   WHERE (inbox, server, login, folder, uidvalidity)
                       = (%(inbox)s, %(server)s, %(login)s, %(folder)s, %(uidvalidity)s)), 0)
        + %(further)s)
ON CONFLICT (inbox, server, login, folder, uidvalidity, generation)
DO UPDATE SET looked_at = now()
RETURNING id, cursor, generation, suspect, suspected,
          EXISTS (SELECT FROM mailticket.mailbox_epoch r
                   WHERE r.inbox = e.inbox AND r.rest_of IS NOT NULL) AS has_rest,
          EXISTS (SELECT FROM mailticket.mailbox_epoch o
                   WHERE o.inbox = e.inbox AND o.id <> e.id
                     -- a value, so that no plan begins with all that lies anywhere
                     AND (SELECT true FROM mailticket.location l
                           WHERE l.epoch = o.id AND l.settled_at IS NULL AND l.gone_at IS NULL
                           LIMIT 1)) AS others_hold_messages

-- name: move_cursor
UPDATE mailticket.mailbox_epoch SET cursor = greatest(cursor, %(cursor)s), looked_at = now()
 WHERE id = %(epoch)s

-- name: suspect
UPDATE mailticket.mailbox_epoch
   SET suspected = CASE WHEN suspect = %(uid)s THEN suspected ELSE 0 END + 1, suspect = %(uid)s
 WHERE id = %(epoch)s

-- name: leave_earlier_lives
-- The whole folder was read: what lay in its earlier lives and is not here now is gone.
UPDATE mailticket.location l SET gone_at = now()
  FROM mailticket.mailbox_epoch o, mailticket.mailbox_epoch e
 WHERE e.id = %(epoch)s AND o.id <> e.id AND l.epoch = o.id
   AND (o.inbox, o.server, o.login, o.folder) = (e.inbox, e.server, e.login, e.folder)
   AND l.settled_at IS NULL AND l.gone_at IS NULL

-- name: landmarks
-- The last ones that should lie there, and the first and last of all: those that left it must not
-- lie there as somebody else.
SELECT l.uid, m.message_id, m.header_hash
  FROM mailticket.location l JOIN mailticket.message m ON m.id = l.message
 WHERE m.header_size > 0 AND l.id IN (
       SELECT min(id) FROM mailticket.location WHERE epoch = %(epoch)s
       UNION SELECT max(id) FROM mailticket.location WHERE epoch = %(epoch)s
       UNION (SELECT id FROM mailticket.location
               WHERE epoch = %(epoch)s AND settled_at IS NULL AND gone_at IS NULL
               ORDER BY id DESC LIMIT 2))

-- name: known_uids
SELECT uid FROM mailticket.location WHERE epoch = %(epoch)s AND uid = ANY (%(uids)s)

-- name: unlike_rows
-- Of a listing with sizes: what has no row, and what has one that leaves a doubt: it should be gone,
-- or had another size, or is the last of those that are known.
WITH listed AS (
    SELECT g.uid, g.n, l.id AS location, m.message_id, m.header_hash,
           l.settled_at IS NOT NULL OR l.gone_at IS NOT NULL AS left, m.size <> g.size AS resized
      FROM unnest(%(uids)s::text[], %(sizes)s::bigint[]) WITH ORDINALITY AS g (uid, size, n)
      LEFT JOIN mailticket.location l ON l.epoch = %(epoch)s AND l.uid = g.uid
      LEFT JOIN mailticket.message m ON m.id = l.message)
SELECT uid, location, message_id, header_hash, "left" FROM listed
 WHERE location IS NULL OR "left" OR resized
    OR n = (SELECT max(n) FROM listed WHERE location IS NOT NULL)
 ORDER BY n

-- name: last_listed
-- A listing is as before when it is the same, and no message of it should be gone by our rows.
SELECT l.uid, l.id AS location, m.message_id, m.header_hash, false AS left
  FROM mailticket.mailbox_epoch e
 CROSS JOIN LATERAL (SELECT id, uid, message FROM mailticket.location
                      WHERE epoch = e.id AND settled_at IS NULL AND gone_at IS NULL
                      ORDER BY id DESC LIMIT 1) l
  JOIN mailticket.message m ON m.id = l.message
 WHERE e.id = %(epoch)s AND e.listing = %(listing)s
   AND %(messages)s = (SELECT count(*) FROM mailticket.location
                        WHERE epoch = e.id AND settled_at IS NULL AND gone_at IS NULL)

-- name: keep_listing
UPDATE mailticket.mailbox_epoch SET listing = %(listing)s
 WHERE id = %(epoch)s AND listing IS DISTINCT FROM %(listing)s

-- name: lie_again
UPDATE mailticket.location SET settled_at = NULL, settlement = NULL, gone_at = NULL
 WHERE id = ANY (%(locations)s)

-- name: leave_rest
-- Of an inbox's other epochs nothing is left to be read.
UPDATE mailticket.mailbox_epoch o
   SET rest_of = CASE WHEN o.id = e.id THEN %(run)s::bigint END
  FROM mailticket.mailbox_epoch e
 WHERE e.id = %(epoch)s AND o.inbox = e.inbox
   AND o.rest_of IS DISTINCT FROM CASE WHEN o.id = e.id THEN %(run)s::bigint END

-- name: has_rest
SELECT EXISTS (SELECT FROM mailticket.mailbox_epoch
                WHERE inbox = %(inbox)s AND rest_of IS NOT NULL) AS rest

-- name: may_be_gone
SELECT coalesce(compared_at, opened_at) < now() - interval '1 day'
       OR %(exists)s < (SELECT count(*) FROM mailticket.location
                         WHERE epoch = %(epoch)s AND settled_at IS NULL AND gone_at IS NULL)
  FROM mailticket.mailbox_epoch WHERE id = %(epoch)s

-- name: expects
SELECT EXISTS (SELECT FROM mailticket.location
                WHERE epoch = %(epoch)s AND settled_at IS NULL AND gone_at IS NULL)

-- name: mark_gone
WITH compared AS (
    UPDATE mailticket.mailbox_epoch SET compared_at = now() WHERE id = %(epoch)s)
UPDATE mailticket.location l SET gone_at = now()
 WHERE l.epoch = %(epoch)s AND l.settled_at IS NULL AND l.gone_at IS NULL
   AND NOT EXISTS (SELECT FROM unnest(%(present)s::text[]) AS p (uid) WHERE p.uid = l.uid)
RETURNING l.id

-- name: recognise
-- Messages of this inbox with that header section and size which have no place in this epoch yet.
SELECT m.id, m.size, m.header_hash
  FROM mailticket.message m
 WHERE m.inbox = %(inbox)s AND m.header_hash = ANY (%(header_hashes)s)
   AND NOT EXISTS (SELECT FROM mailticket.location l
                    WHERE l.message = m.id AND l.epoch = %(epoch)s)
   -- One that we moved or deleted there cannot have come along; should it lie here again, from
   -- a backup, its content tells. Of one that was too big the header section is all there is.
   AND (m.content_hash IS NULL
        OR NOT EXISTS (SELECT FROM mailticket.location l
                        WHERE l.message = m.id AND l.settled_at IS NOT NULL))
 ORDER BY m.id

-- name: recognise_by_message_id
SELECT min(m.id) AS id, g.message_id, g.hash
  FROM unnest(%(message_ids)s::text[], %(hashes)s::bytea[]) AS g (message_id, hash)
  JOIN mailticket.message m ON m.inbox = %(inbox)s AND m.message_id = g.message_id
       AND m.message_id <> ''  -- as the index has it
       AND coalesce(m.content_hash, m.header_hash) = g.hash
 WHERE g.message_id <> ''
 GROUP BY g.message_id, g.hash

-- name: add_messages
INSERT INTO mailticket.message (inbox, message_id, size, header_size, header_hash, content_hash,
    received_at, sent_at, sender, sender_name, subject, participants, saved_to)
VALUES %s RETURNING id

-- name: add_original
INSERT INTO mailticket.original (message, raw, whole) VALUES (%(message)s, %(raw)s, %(whole)s)
ON CONFLICT (message) DO UPDATE SET raw = excluded.raw, whole = excluded.whole, stored_at = now()

-- name: copy_originals
COPY mailticket.original (message, raw, whole) FROM STDIN (FORMAT binary)

-- name: complete_message
UPDATE mailticket.message m
   SET message_id = g.message_id, header_size = g.header_size, header_hash = g.header_hash,
       content_hash = g.content_hash, sent_at = g.sent_at::timestamptz, sender = g.sender,
       sender_name = g.sender_name, subject = g.subject, participants = g.participants
  FROM (VALUES %s) AS g (inbox, message_id, size, header_size, header_hash, content_hash,
        received_at, sent_at, sender, sender_name, subject, participants, saved_to)
 WHERE m.id = %(message)s

-- name: add_locations
INSERT INTO mailticket.location (epoch, uid, message) VALUES %s
ON CONFLICT (epoch, uid) DO NOTHING

-- name: add_attempts
WITH given (message, run, clear_number, configuration) AS (VALUES %s),
opened AS (
    INSERT INTO mailticket.attempt (message, n, run, clear_number, configuration)
    SELECT message, 1, run, clear_number, configuration FROM given
    RETURNING id, message)
UPDATE mailticket.message m SET attempt = o.id FROM opened o WHERE m.id = o.message

-- name: adopt
-- What earlier passes over this inbox left undecided becomes this run's, from the beginning: what
-- let it pass so far was their configuration.
UPDATE mailticket.attempt a
   SET run = %(run)s, clear_number = %(clear_number)s, configuration = %(configuration)s,
       stage = 'fetched', steps = '[]'
  FROM mailticket.message m
 WHERE a.status = 'new' AND m.attempt = a.id AND m.inbox = %(inbox)s
   AND a.run IS DISTINCT FROM %(run)s
RETURNING a.id

-- name: unsaved_big_messages
SELECT m.id AS message, m.size, l.uid, l.epoch
  FROM mailticket.attempt a
  JOIN mailticket.message m ON m.attempt = a.id
  JOIN mailticket.original o ON o.message = m.id AND NOT o.whole
  JOIN mailticket.location l ON l.message = m.id
 WHERE m.inbox = %(inbox)s AND l.settled_at IS NULL AND l.gone_at IS NULL
   AND m.saved_to IS NULL AND a.status = 'error' AND a.decided_by = 'too_big'
   AND l.epoch = (SELECT max(l2.epoch) FROM mailticket.location l2 WHERE l2.message = m.id)
 ORDER BY m.id LIMIT 100

-- name: mark_saved
UPDATE mailticket.message SET saved_to = %(saved_to)s WHERE id = %(message)s

-- name: places_of_message
SELECT l.id, l.uid, e.server, e.login, e.folder, e.uidvalidity, e.id AS epoch
  FROM mailticket.location l JOIN mailticket.mailbox_epoch e ON e.id = l.epoch
 WHERE l.message = %(message)s AND l.settled_at IS NULL AND l.gone_at IS NULL
 ORDER BY l.id DESC
