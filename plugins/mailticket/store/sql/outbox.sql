-- name: reference_keys
SELECT i.id::text AS instance, k.id, k.secret
  FROM mailticket.instance i LEFT JOIN mailticket.reference_key k ON true
 ORDER BY k.created_at DESC, k.id

-- name: add_reference_key
INSERT INTO mailticket.reference_key (id, secret)
SELECT %(id)s, %(secret)s WHERE %(always)s OR NOT EXISTS (SELECT FROM mailticket.reference_key)

-- name: errors_to_forward
-- Of this run, and of runs that died before they came to it. What the header section alone
-- rejected waits until its content was looked at: automatic mail is told about to nobody. That the
-- original of an error is gone now, as when an old run is cleared, is nothing to tell once more.
SELECT a.id AS attempt, m.id AS message, a.verdict::text, a.decided_by, a.reason, m.subject,
       m.sender, m.received_at, m.size, m.saved_to, o.whole, m.header_size
  FROM mailticket.attempt a
  JOIN mailticket.message m ON m.attempt = a.id
  LEFT JOIN mailticket.original o ON o.message = m.id
 WHERE m.inbox = %(inbox)s AND (a.run = %(run)s OR a.told_at IS NULL)
   AND m.id > %(after)s AND a.verdict IN ('rejected', 'failed', 'undesired')
   AND a.verdict::text = ANY (%(verdicts)s)
   AND (a.verdict <> 'rejected' OR a.decided_in <> 'filter' OR o.whole IS NOT true
        OR a.steps @> '[{"phase": "content"}]')
   AND NOT a.steps @> '[{"rule": "forward_errors", "outcome": "skipped"}]'
   AND NOT EXISTS (SELECT FROM mailticket.outbox b
                    WHERE b.message = m.id AND b.kind = 'forwarded_error'
                      AND b.recipient = %(recipient)s
                      AND (b.rule = a.decided_by
                           OR a.decided_by = 'original' AND o.message IS NULL))
 ORDER BY m.id LIMIT 1

-- name: forwarded_error
SELECT m.id AS message, a.verdict::text, b.rule AS decided_by, a.reason, m.subject, m.sender,
       m.received_at, m.size, m.saved_to, o.whole, o.raw, m.header_size
  FROM mailticket.outbox b
  JOIN mailticket.message m ON m.id = b.message
  LEFT JOIN LATERAL (SELECT * FROM mailticket.attempt a WHERE a.message = m.id AND a.decided_by = b.rule
                      ORDER BY a.n DESC LIMIT 1) a ON true
  LEFT JOIN mailticket.original o ON o.message = m.id
 WHERE b.id = %(id)s

-- name: callers_to_answer
SELECT m.id AS message, m.sender
  FROM mailticket.attempt a
  JOIN mailticket.message m ON m.attempt = a.id
  JOIN mailticket.original o ON o.message = m.id
 WHERE m.inbox = %(inbox)s AND (a.run = %(run)s OR a.told_at IS NULL)
   AND a.decided_by = 'unknown_caller' AND a.verdict = 'rejected'
   AND m.sender <> '' AND a.steps @> '[{"phase": "content"}]'
   AND NOT a.steps @> '[{"rule": "forward_errors", "outcome": "skipped"}]'
   AND NOT a.steps @> '[{"rule": "content", "outcome": "skipped"}]'
   AND NOT a.steps @> '[{"rule": "unknown_caller_reply", "outcome": "skipped"}]'
 ORDER BY m.id

-- name: original_to_forward
SELECT CASE WHEN %(whole)s THEN o.raw ELSE substr(o.raw, 1, m.header_size) END AS raw
  FROM mailticket.original o JOIN mailticket.message m ON m.id = o.message
 WHERE o.message = %(message)s

-- name: caller_header
SELECT substr(raw, 1, header_size) AS raw FROM mailticket.original
  JOIN mailticket.message ON id = message WHERE message = %(message)s

-- name: mark_told
UPDATE mailticket.attempt a SET told_at = now()
  FROM mailticket.message m
 WHERE m.attempt = a.id AND m.inbox = %(inbox)s AND a.told_at IS NULL
   AND a.verdict IN ('rejected', 'failed', 'undesired')
   AND (a.verdict <> 'rejected' OR a.decided_in <> 'filter' OR a.steps @> '[{"phase": "content"}]'
        OR NOT EXISTS (SELECT FROM mailticket.original o WHERE o.message = m.id AND o.whole))

-- name: storms_to_tell
-- The first message of each storm that nobody was told of; one that is held before `storm_until` of
-- another one, told of, belongs to the same storm.
SELECT DISTINCT ON (a.decided_by, a.storm)
       m.id AS message, a.verdict::text, a.decided_by, a.reason, m.subject, m.sender, m.received_at,
       m.size, substr(o.raw, 1, m.header_size) AS header,
       count(*) OVER (PARTITION BY a.decided_by, a.storm)::int AS held
  FROM mailticket.attempt a
  JOIN mailticket.message m ON m.attempt = a.id
  LEFT JOIN mailticket.original o ON o.message = m.id
 WHERE m.inbox = %(inbox)s AND a.verdict = 'held' AND a.told_at IS NULL
   AND NOT EXISTS (
       SELECT FROM mailticket.attempt b JOIN mailticket.message n ON n.id = b.message
        WHERE b.verdict = 'held' AND b.told_at IS NOT NULL AND n.inbox = m.inbox
          AND b.decided_by = a.decided_by AND b.storm = a.storm
          AND coalesce(b.storm_until, b.decided_at + interval '1 day') > a.decided_at)
 ORDER BY a.decided_by, a.storm, m.id

-- name: mark_storms_told
UPDATE mailticket.attempt a SET told_at = now()
  FROM mailticket.message m
 WHERE m.attempt = a.id AND m.inbox = %(inbox)s AND a.told_at IS NULL AND a.verdict = 'held'

-- name: audience
-- Whom a ticket concerns, and what its mails say. An address of an inbox of ours is known by what
-- passes over it left behind: its login, or its configured address.
WITH part AS (
    SELECT 1 AS n, 'caller' AS part, p.id, p.email, p.language
      FROM mailticket.ticket t JOIN mailticket.person p ON p.id = t.caller_id AND p.active
     WHERE t.id = %(ticket_id)s
    UNION ALL
    (SELECT 2, 'contact', p.id, p.email, p.language
       FROM mailticket.ticket_contact c JOIN mailticket.person p ON p.id = c.person_id AND p.active
      WHERE c.ticket_id = %(ticket_id)s ORDER BY p.id LIMIT 200)
    UNION ALL
    SELECT 3, 'agent', p.id, p.email, p.language
      FROM mailticket.ticket t JOIN mailticket.person p ON p.id = t.agent_id AND p.active
     WHERE t.id = %(ticket_id)s
    UNION ALL
    SELECT 4, 'team', m.id, m.email, NULL
      FROM mailticket.ticket t JOIN mailticket.team m ON m.id = t.team_id AND m.active
     WHERE t.id = %(ticket_id)s
    UNION ALL
    (SELECT 5, 'member', p.id, p.email, p.language
       FROM mailticket.ticket t JOIN mailticket.team_member tm ON tm.team_id = t.team_id
       JOIN mailticket.team m ON m.id = t.team_id AND m.active
       JOIN mailticket.person p ON p.id = tm.person_id AND p.active
      WHERE t.id = %(ticket_id)s ORDER BY p.id LIMIT 200))
SELECT t.ref, t.title, t.class, t.status,
       coalesce((SELECT trim(p.first_name || ' ' || p.name) FROM mailticket.person p
                  WHERE p.id = t.caller_id), '') AS caller,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('part', r.part, 'address', r.email,
                   'language', r.language, 'ours',
                   EXISTS (SELECT FROM mailticket.mailbox_epoch e
                            WHERE lower(e.login COLLATE "C") = lower(r.email COLLATE "C"))
                   OR EXISTS (SELECT FROM mailticket.configuration c
                               WHERE lower((c.document ->> 'address') COLLATE "C")
                                   = lower(r.email COLLATE "C"))) ORDER BY r.n, r.id), '[]')
          FROM part r WHERE r.email <> '') AS readers,
       (SELECT coalesce(array_agg(x.message_id ORDER BY x.id), '{}') FROM (
            (SELECT m.id, m.message_id FROM mailticket.message m
              WHERE m.ticket_id = t.id AND m.message_id <> '' ORDER BY m.id LIMIT 1)
            UNION
            (SELECT m.id, m.message_id FROM mailticket.message m
              WHERE m.ticket_id = t.id AND m.message_id <> '' ORDER BY m.id DESC LIMIT 10)) x) AS thread
  FROM mailticket.ticket t WHERE t.id = %(ticket_id)s

-- name: entry_to_mail
SELECT e.ticket_id, e.field, e.text, e.author_name, p.email
  FROM mailticket.log_entry e LEFT JOIN mailticket.person p ON p.id = e.author_id
 WHERE e.id = %(log_entry)s

-- name: answered_today
SELECT recipient, inbox = %(inbox)s AND created_at > now() - interval '1 hour' AS of_this_hour
  FROM mailticket.outbox
 WHERE kind = 'rejection_reply' AND created_at > now() - interval '1 day'

-- name: queue_mail
-- Two statements in one round trip: the second one sees what others queued for this recipient while
-- the first one waited for them. What is over a cap is held, and counts for none.
SELECT pg_advisory_xact_lock(hashtextextended('mailticket recipient ' || %(counts_for)s, 0));
WITH reached AS (
    SELECT c.most, c.minutes
      FROM unnest(%(most)s::int[], %(minutes)s::int[]) AS c (most, minutes)
     WHERE (SELECT count(*) FROM (
                SELECT FROM mailticket.outbox o
                 WHERE o.counts_for = %(counts_for)s
                   AND o.created_at > now() - make_interval(mins => c.minutes)
                 ORDER BY o.created_at DESC LIMIT c.most) x) >= c.most
     LIMIT 1)
INSERT INTO mailticket.outbox (inbox, kind, message, rule, ticket_id, log_entry, smtp_conn_id,
                               sender, recipient, message_id, raw, status, counts_for, last_error)
SELECT %(inbox)s, %(kind)s, %(message)s, %(rule)s, %(ticket_id)s, %(log_entry)s, %(smtp_conn_id)s,
       %(sender)s, %(recipient)s, %(message_id)s, %(raw)s,
       CASE WHEN r.most IS NULL THEN 'waiting' ELSE 'held' END,
       CASE WHEN r.most IS NULL THEN %(counts_for)s END,
       r.most || ' mails to one recipient within ' || r.minutes
              || ' minutes are the most (cap_mails_per_recipient)'
  FROM (VALUES (true)) AS one LEFT JOIN reached r ON true
ON CONFLICT DO NOTHING
RETURNING id, status, last_error

-- name: give_up_doubtful
-- Twice it cannot be known whether the server took it: a third time would only double it again.
UPDATE mailticket.outbox SET status = 'unanswered'
 WHERE inbox = %(inbox)s AND doubts >= 2
   AND (status = 'waiting' OR (status = 'sending' AND not_before <= now()))
RETURNING id, kind, message, recipient

-- name: claim_mail
-- One that a dead run left in `sending` is taken up again when its claim has run out: then we
-- cannot know whether it was taken, and send it again under the same Message-ID. Nothing is put off
-- for more than an hour: what seems to be was, before the clock was put back.
UPDATE mailticket.outbox SET status = 'sending', tries = tries + 1, doubts = doubts + 1,
       not_before = now() + interval '15 minutes'
 WHERE id = (SELECT id FROM mailticket.outbox
              WHERE inbox = %(inbox)s AND status IN ('waiting', 'sending')
                AND (not_before <= now() OR not_before > now() + interval '2 hours')
                AND doubts < 2 AND smtp_conn_id <> ALL (%(down)s)
              ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, kind, message, smtp_conn_id, sender, recipient, message_id, raw, tries,
          extract(epoch FROM now() - created_at)::float AS age

-- name: mail_sent
UPDATE mailticket.outbox SET status = 'sent', sent_at = now(), raw = NULL, last_error = NULL
 WHERE id = %(id)s

-- name: mail_delayed
-- `sure`: the server did not take it, so that the claim leaves no doubt behind.
UPDATE mailticket.outbox SET last_error = %(error)s, doubts = doubts - %(sure)s::boolean::int,
       status = 'waiting', not_before = now() + make_interval(secs => %(seconds)s)
 WHERE id = %(id)s

-- name: mail_recomposed
UPDATE mailticket.outbox SET raw = %(raw)s WHERE id = %(id)s

-- name: mail_refused
UPDATE mailticket.outbox SET status = 'refused', last_error = %(error)s, doubts = doubts - 1
 WHERE id = %(id)s

-- name: mail_waiting
SELECT count(*) FILTER (WHERE status IN ('waiting', 'sending'))::int AS waiting,
       count(*) FILTER (WHERE status = 'held')::int AS held
  FROM mailticket.outbox WHERE inbox = %(inbox)s AND status <> 'sent'

-- name: unsent_mails
SELECT o.id, o.inbox, o.kind, o.message, t.ref AS ticket, o.recipient, o.status, o.tries,
       o.created_at, o.not_before, o.last_error
  FROM mailticket.outbox o LEFT JOIN mailticket.ticket t ON t.id = o.ticket_id
 WHERE o.status <> 'sent' AND (%(inbox)s::text IS NULL OR o.inbox = %(inbox)s)
 ORDER BY o.id

-- name: release_mails
-- A person answers for them: no cap counts them, and they are tried as if they were new.
UPDATE mailticket.outbox
   SET status = 'waiting', not_before = now(), tries = 0, doubts = 0, counts_for = NULL,
       last_error = NULL
 WHERE id = ANY (%(ids)s) AND status IN ('held', 'waiting', 'refused', 'unanswered')
   AND raw IS NOT NULL
RETURNING id
