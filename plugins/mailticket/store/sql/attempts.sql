-- name: pending
SELECT a.id AS attempt, a.message, m.header_size
  FROM mailticket.attempt a JOIN mailticket.message m ON m.attempt = a.id
 WHERE a.run = %(run)s AND a.status = 'new' AND a.stage = %(stage)s
   AND (%(batch)s::int IS NULL OR coalesce(a.batch, 1) = %(batch)s)
 ORDER BY a.message

-- name: pending_headers
WITH pending AS (
    SELECT a.id AS attempt, a.message, m.header_size, o.whole
      FROM mailticket.attempt a
      JOIN mailticket.message m ON m.attempt = a.id
      LEFT JOIN mailticket.original o ON o.message = m.id
     WHERE a.run = %(run)s AND a.status = 'new' AND a.stage = 'fetched')
SELECT attempt, header_size FROM pending
 WHERE NOT %(only_whole)s
    OR message < coalesce((SELECT min(message) FROM pending WHERE whole IS NOT TRUE),
                          9223372036854775807)
 ORDER BY message

-- name: parsed_in_order
-- What is parsed, up to the first message that no task came to: the order of the mailbox is that of
-- the effects. One whose decoding ended its task each time (`tries`) holds nobody up, once nobody
-- is parsing any more.
SELECT a.id AS attempt
  FROM mailticket.attempt a JOIN mailticket.message m ON m.attempt = a.id
 WHERE a.run = %(run)s AND a.status = 'new' AND a.stage = 'parsed'
   AND a.message < coalesce((
       SELECT min(b.message) FROM mailticket.attempt b JOIN mailticket.message n ON n.attempt = b.id
        WHERE b.run = %(run)s AND b.status = 'new' AND b.stage = 'accepted'
          AND (b.tries = 0 OR %(parsing)s)), 9223372036854775807)
 ORDER BY a.message

-- name: number_batches
-- In the mailbox's order, each batch of so many messages and bytes at the most, or of one message.
WITH volume AS (
    SELECT a.id, row_number() OVER w - 1 AS before, sum(m.size) OVER w - m.size AS bytes_before,
           count(*) OVER () AS messages, sum(m.size) OVER () AS bytes
      FROM mailticket.attempt a JOIN mailticket.message m ON m.attempt = a.id
     WHERE a.run = %(run)s AND a.status = 'new' AND a.stage = 'accepted'
    WINDOW w AS (ORDER BY a.message)),
numbered AS (
    SELECT id, dense_rank() OVER (ORDER BY greatest(
               before / greatest(%(messages)s, messages / %(batches)s + 1),
               floor(bytes_before / greatest(%(bytes)s, bytes / %(batches)s + 1)))) AS batch
      FROM volume),
given AS (
    UPDATE mailticket.attempt a SET batch = n.batch FROM numbered n WHERE a.id = n.id)
SELECT coalesce(max(batch), 0)::int AS batches FROM numbered

-- name: begun
SELECT id AS attempt FROM mailticket.attempt WHERE id = ANY (%(attempts)s) AND tries > 0

-- name: begin_step
-- `died`: it is marked already, so that a process ended in the middle of it.
WITH before AS (
    SELECT FROM mailticket.step_at_work WHERE inbox = %(inbox)s AND step = %(step)s),
marked AS (
    INSERT INTO mailticket.step_at_work (inbox, step) VALUES (%(inbox)s, %(step)s)
    ON CONFLICT (inbox, step) DO UPDATE SET since = now())
SELECT EXISTS (SELECT FROM before) AS died

-- name: end_step
DELETE FROM mailticket.step_at_work WHERE inbox = %(inbox)s AND step = %(step)s

-- name: strike
UPDATE mailticket.attempt SET strikes = strikes + 1 WHERE id = %(attempt)s RETURNING strikes

-- name: load_headers
SELECT a.id AS attempt, a.message, m.message_id, m.sender, m.subject, m.size, m.header_size,
       m.content_hash, m.saved_to, o.whole, substr(o.raw, 1, m.header_size) AS raw, a.steps
  FROM mailticket.attempt a
  JOIN mailticket.message m ON m.id = a.message
  LEFT JOIN mailticket.original o ON o.message = m.id
 WHERE a.id = ANY (%(attempts)s) ORDER BY a.message

-- name: begin_originals
-- Counts before anything is decoded: a message that ends the process each time is told by it. Lost
-- only if the whole server crashes, which costs nothing, so that the commit need not wait.
UPDATE mailticket.attempt a SET tries = tries + 1
  FROM mailticket.message m LEFT JOIN mailticket.original o ON o.message = m.id
 WHERE a.id = ANY (%(attempts)s) AND m.id = a.message
RETURNING a.id AS attempt, a.message, m.message_id, m.sender, m.subject, m.size, o.whole,
          octet_length(o.raw) AS octets, m.saved_to, a.steps, a.status::text, a.tries,
          set_config('synchronous_commit', 'off', true)

-- name: originals
SELECT message, raw FROM mailticket.original WHERE message = ANY (%(messages)s)

-- name: load_head
SELECT a.id AS attempt, a.message, m.message_id, m.sender, m.subject, a.steps
  FROM mailticket.attempt a JOIN mailticket.message m ON m.id = a.message
 WHERE a.id = %(attempt)s

-- name: record
-- An attempt that was decided meanwhile, or that another run took over, stays as it is.
WITH g (attempt, stage, status, verdict, decided_by, decided_in, reason, steps, ticket_id) AS (
    VALUES %s),
recorded AS (
    UPDATE mailticket.attempt a
       SET stage = g.stage::mailticket.stage, status = g.status::mailticket.message_state,
           verdict = g.verdict::mailticket.verdict, decided_by = g.decided_by,
           decided_in = g.decided_in, reason = g.reason, steps = g.steps::jsonb,
           tries = CASE g.stage WHEN 'accepted' THEN a.tries ELSE 0 END,
           ticket_id = coalesce(g.ticket_id::bigint, a.ticket_id),
           decided_at = CASE WHEN g.verdict IS NOT NULL THEN now() END
      FROM g
     WHERE a.id = g.attempt::bigint AND a.status = 'new' AND a.run = %(run)s
    RETURNING a.id, a.message, g.ticket_id::bigint AS ticket_id),
placed AS (
    UPDATE mailticket.message m SET ticket_id = r.ticket_id FROM recorded r
     WHERE m.id = r.message AND r.ticket_id IS NOT NULL)
SELECT id FROM recorded

-- name: save_drafts
INSERT INTO mailticket.draft (attempt, document)
SELECT a.id, g.document::jsonb FROM (VALUES %s) AS g (attempt, document)
  JOIN mailticket.attempt a ON a.id = g.attempt::bigint
 WHERE a.status = 'new' AND a.run = %(run)s
ON CONFLICT (attempt) DO UPDATE SET document = excluded.document

-- name: add_blob
INSERT INTO mailticket.blob (sha256, size, content)
SELECT %(sha256)s, %(size)s, %(content)s
 WHERE NOT EXISTS (SELECT FROM mailticket.blob WHERE sha256 = %(sha256)s)
ON CONFLICT (sha256) DO NOTHING

-- name: copy_blobs
COPY mailticket.blob (sha256, size, content) FROM STDIN (FORMAT binary)

-- name: known_blobs
-- Renews the date of those that are met again, so that they are not purged before they are attached.
-- An old one counts only when that was done: it may be purged at this very moment.
WITH met AS (
    UPDATE mailticket.blob SET stored_at = now()
     WHERE sha256 = ANY (%(digests)s) AND stored_at < now() - interval '1 hour'
    RETURNING sha256)
SELECT sha256 FROM met
 UNION ALL
SELECT sha256 FROM mailticket.blob
 WHERE sha256 = ANY (%(digests)s) AND stored_at >= now() - interval '1 hour'

-- name: load_drafts
-- Of these, the first ones that fit into so many bytes, one at least.
WITH near AS (
    SELECT a.id, a.message, a.clear_number, a.steps, d.document,
           sum(coalesce(pg_column_size(d.document), 0)) OVER (ORDER BY a.message)
               - coalesce(pg_column_size(d.document), 0) AS before
      FROM mailticket.attempt a
      LEFT JOIN mailticket.draft d ON d.attempt = a.id
     WHERE a.id = ANY (%(attempts)s))
SELECT n.id AS attempt, n.message, n.clear_number, m.message_id, m.sender, m.subject, m.size,
       m.content_hash, n.document, n.steps, substr(o.raw, 1, m.header_size) AS raw
  FROM near n
  JOIN mailticket.message m ON m.id = n.message
  LEFT JOIN mailticket.original o ON o.message = m.id
 WHERE n.before < %(octets)s
 ORDER BY n.message

-- name: hold
SELECT FROM mailticket.attempt WHERE id = %(attempt)s FOR UPDATE

-- name: wait_once_more
UPDATE mailticket.attempt
   SET waits = waits + (waited_in IS DISTINCT FROM %(run)s)::int, waited_in = %(run)s
 WHERE id = %(attempt)s

-- name: conclude
WITH dropped AS (DELETE FROM mailticket.draft WHERE attempt = %(attempt)s AND %(status)s = 'processed'),
placed AS (
    UPDATE mailticket.message SET ticket_id = %(ticket_id)s
     WHERE id = %(message)s AND %(ticket_id)s::bigint IS NOT NULL),
told AS (
    INSERT INTO mailticket.ticket_event (ticket_id, ref, class, kind, message, attempt, run, detail,
                                         inbox, counts_for)
    SELECT t.id, t.ref, t.class, %(event)s, %(message)s, %(attempt)s, %(run)s, %(detail)s::jsonb,
           %(inbox)s, %(counts_for)s
      FROM mailticket.ticket t WHERE t.id = %(ticket_id)s AND %(event)s::text IS NOT NULL)
UPDATE mailticket.attempt
   SET stage = 'decided', status = %(status)s::mailticket.message_state,
       verdict = %(verdict)s::mailticket.verdict, decided_by = %(decided_by)s,
       decided_in = 'upsert_ticket', reason = %(reason)s, steps = %(steps)s, changes = %(changes)s,
       ticket_id = %(ticket_id)s, decided_at = now(), storm = %(storm)s,
       storm_until = now() + make_interval(mins => %(storm_minutes)s)
 WHERE id = %(attempt)s

-- name: reopen
-- New attempts for this run's own messages that are to be decided anew; `kept` are the phases
-- whose steps stay. What was undesired and has no original any more stays that: it would only become
-- an error, and be told as one.
WITH again AS (
    SELECT a.* FROM mailticket.attempt a JOIN mailticket.message m ON m.attempt = a.id
     WHERE a.run = %(run)s AND a.clear_number < %(clear_number)s
       AND a.status::text = ANY (%(statuses)s) AND a.decided_in = ANY (%(decided_in)s)
       AND (a.status <> 'undesired'
            OR EXISTS (SELECT FROM mailticket.original o WHERE o.message = m.id))
       AND (%(batch)s::int IS NULL OR coalesce(a.batch, 1) = %(batch)s)
       FOR UPDATE OF a),
opened AS (
    INSERT INTO mailticket.attempt
           (message, n, run, batch, clear_number, configuration, stage, steps)
    SELECT message, n + 1, run, batch, %(clear_number)s, %(configuration)s,
           %(stage)s::mailticket.stage,
           coalesce((SELECT jsonb_agg(s) FROM jsonb_array_elements(steps) s
                      WHERE s ->> 'phase' = ANY (%(kept)s)), '[]')
      FROM again
    RETURNING id, message, n),
drafts AS (
    INSERT INTO mailticket.draft (attempt, document)
    SELECT o.id, d.document FROM opened o
      JOIN again g ON g.message = o.message JOIN mailticket.draft d ON d.attempt = g.id
     WHERE %(stage)s = 'parsed')
UPDATE mailticket.message m SET attempt = o.id FROM opened o WHERE m.id = o.message
RETURNING m.id

-- name: undesired_for_good
SELECT count(*)::int
  FROM mailticket.attempt a JOIN mailticket.message m ON m.attempt = a.id
 WHERE a.run = %(run)s AND a.status = 'undesired'
   AND NOT EXISTS (SELECT FROM mailticket.original o WHERE o.message = m.id)

-- name: forget_drafts
UPDATE mailticket.attempt SET stage = 'accepted', tries = 0,
       steps = coalesce((SELECT jsonb_agg(s) FROM jsonb_array_elements(steps) s
                          WHERE s ->> 'phase' = 'headers'), '[]')
 WHERE run = %(run)s AND status = 'new' AND stage = 'parsed'

-- name: restart
-- What the run left undecided before it was cleared: an earlier configuration let it pass.
UPDATE mailticket.attempt a
   SET stage = 'fetched', steps = '[]', clear_number = %(clear_number)s,
       configuration = %(configuration)s
  FROM mailticket.message m
 WHERE m.attempt = a.id AND a.run = %(run)s AND a.status = 'new'
   AND a.clear_number < %(clear_number)s

-- name: find_messages
SELECT m.id, m.inbox, m.message_id, m.subject, m.sender, a.status::text, a.verdict::text, a.reason
  FROM mailticket.message m LEFT JOIN mailticket.attempt a ON a.id = m.attempt
 WHERE m.id = ANY (%(ids)s) OR (m.message_id <> '' AND m.message_id = ANY (%(message_ids)s))
 ORDER BY m.id

-- name: held_messages
SELECT m.id FROM mailticket.attempt a JOIN mailticket.message m ON m.attempt = a.id
 WHERE a.status = 'held' AND m.inbox = %(inbox)s ORDER BY m.id

-- name: reset_messages
WITH again AS (
    SELECT m.id, coalesce(max(a.n), 0) AS n FROM mailticket.message m
      LEFT JOIN mailticket.attempt a ON a.message = m.id
      LEFT JOIN mailticket.attempt latest ON latest.id = m.attempt
     WHERE m.id = ANY (%(ids)s) AND latest.status IS DISTINCT FROM 'new'
     GROUP BY m.id),
opened AS (
    INSERT INTO mailticket.attempt (message, n) SELECT id, n + 1 FROM again RETURNING id, message)
UPDATE mailticket.message m SET attempt = o.id FROM opened o WHERE m.id = o.message RETURNING m.id

-- name: ignore_messages
UPDATE mailticket.attempt a
   SET status = 'ignored', verdict = 'ignored', stage = 'decided', decided_by = 'operator',
       decided_in = 'operator', reason = %(reason)s, decided_at = now()
  FROM mailticket.message m
 WHERE m.attempt = a.id AND m.id = ANY (%(ids)s) AND a.status <> 'processed'
RETURNING m.id

-- name: decided_unread
-- Decided by the header section alone, their content not yet looked at: those of this run, and
-- those of runs that died before they came to it.
SELECT a.id AS attempt
  FROM mailticket.attempt a
  JOIN mailticket.message m ON m.attempt = a.id
  JOIN mailticket.original o ON o.message = m.id AND o.whole
 WHERE m.inbox = %(inbox)s AND (a.run = %(run)s OR a.told_at IS NULL) AND a.decided_in = 'filter'
   AND a.verdict IN ('rejected', 'failed', 'undesired')
   AND a.verdict <> 'failed'
   AND NOT a.steps @> '[{"phase": "content"}]'
 ORDER BY a.message

-- name: amend
UPDATE mailticket.attempt
   SET steps = steps || %(steps)s::jsonb,
       verdict = coalesce(%(verdict)s::mailticket.verdict, verdict),
       status = coalesce(%(status)s::mailticket.message_state, status),
       decided_by = coalesce(%(decided_by)s, decided_by),
       reason = coalesce(%(reason)s, reason)
 WHERE id = %(attempt)s AND NOT steps @> '[{"phase": "content"}]'
