-- name: reference_keys
SELECT i.id::text AS instance, k.id, k.secret
  FROM mailticket.instance i LEFT JOIN mailticket.reference_key k ON true
 ORDER BY k.created_at DESC, k.id

-- name: add_reference_key
INSERT INTO mailticket.reference_key (id, secret)
SELECT %(id)s, %(secret)s WHERE %(always)s OR NOT EXISTS (SELECT FROM mailticket.reference_key)

-- name: errors_to_forward
SELECT a.id AS attempt, m.id AS message, a.verdict::text, a.decided_by, a.reason, m.subject,
       m.sender, m.received_at, m.size, m.saved_to, o.whole, o.raw, m.header_size
  FROM mailticket.attempt a
  JOIN mailticket.message m ON m.attempt = a.id
  LEFT JOIN mailticket.original o ON o.message = m.id
 WHERE a.run = %(run)s AND m.id > %(after)s AND a.verdict::text = ANY (%(verdicts)s)
   AND NOT a.steps @> '[{"rule": "forward_errors", "outcome": "skipped"}]'
   AND NOT EXISTS (SELECT FROM mailticket.outbox b
                    WHERE b.message = m.id AND b.kind = 'forwarded_error'
                      AND b.recipient = %(recipient)s AND b.rule = a.decided_by)
 ORDER BY m.id LIMIT 1

-- name: callers_to_answer
SELECT m.id AS message, m.sender, m.message_id, m.subject, substr(o.raw, 1, m.header_size) AS raw
  FROM mailticket.attempt a
  JOIN mailticket.message m ON m.attempt = a.id
  LEFT JOIN mailticket.original o ON o.message = m.id
 WHERE a.run = %(run)s AND a.decided_by = 'unknown_caller' AND a.verdict = 'rejected'
   AND m.sender <> ''
   AND NOT EXISTS (SELECT FROM mailticket.outbox b
                    WHERE b.kind = 'rejection_reply' AND lower(b.recipient) = lower(m.sender)
                      AND b.created_at > now() - interval '1 day')
 ORDER BY m.id

-- name: answered_today
SELECT EXISTS (SELECT FROM mailticket.outbox b
                WHERE b.kind = 'rejection_reply' AND lower(b.recipient) = lower(%(recipient)s)
                  AND b.created_at > now() - interval '1 day') AS answered

-- name: queue_mail
INSERT INTO mailticket.outbox (inbox, kind, message, rule, ticket_id, smtp_conn_id, sender,
                               recipient, message_id, raw)
VALUES (%(inbox)s, %(kind)s, %(message)s, %(rule)s, %(ticket_id)s, %(smtp_conn_id)s, %(sender)s,
        %(recipient)s, %(message_id)s, %(raw)s)
ON CONFLICT (message, kind, recipient, rule) DO NOTHING
RETURNING id

-- name: claim_mail
-- One that a dead run left in `sending` is taken up again when its claim has run out: then we
-- cannot know whether it was taken, and send it again under the same Message-ID.
UPDATE mailticket.outbox SET status = 'sending', tries = tries + 1,
       not_before = now() + interval '15 minutes'
 WHERE id = (SELECT id FROM mailticket.outbox
              WHERE inbox = %(inbox)s AND status IN ('waiting', 'sending') AND not_before <= now()
              ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, kind, message, smtp_conn_id, sender, recipient, raw, tries

-- name: mail_sent
UPDATE mailticket.outbox SET status = 'sent', sent_at = now(), raw = NULL, last_error = NULL
 WHERE id = %(id)s

-- name: mail_delayed
UPDATE mailticket.outbox SET status = 'waiting', last_error = %(error)s,
       not_before = now() + make_interval(secs => %(seconds)s)
 WHERE id = %(id)s

-- name: mail_refused
UPDATE mailticket.outbox SET status = 'refused', last_error = %(error)s WHERE id = %(id)s

-- name: mail_waiting
SELECT count(*)::int AS waiting FROM mailticket.outbox
 WHERE inbox = %(inbox)s AND status IN ('waiting', 'sending')
