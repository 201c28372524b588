-- name: decided_since_reported
-- What a run decided after its counts were last given: a cleared run counts only what is new.
SELECT a.verdict::text AS verdict, coalesce(a.decided_by, '') AS rule, count(*)::int AS n
  FROM mailticket.attempt a
 WHERE a.run = %(run)s AND a.verdict IS NOT NULL
   AND a.decided_at > coalesce((SELECT max(s.finished_at) FROM mailticket.run_step s
                                 WHERE s.run = %(run)s AND s.step = 'report'), '-infinity')
 GROUP BY 1, 2 ORDER BY 1, 2

-- name: waited_since_reported
SELECT greatest(0, extract(epoch FROM a.decided_at - m.received_at))::float AS seconds
  FROM mailticket.attempt a JOIN mailticket.message m ON m.id = a.message
 WHERE a.run = %(run)s AND a.verdict IN ('create', 'update') AND a.n = 1
   AND m.received_at IS NOT NULL
   AND a.decided_at > coalesce((SELECT max(s.finished_at) FROM mailticket.run_step s
                                 WHERE s.run = %(run)s AND s.step = 'report'), '-infinity')

-- name: undecided_mail
SELECT m.inbox, count(*)::int AS n,
       extract(epoch FROM now() - min(coalesce(m.received_at, m.seen_at)))::float AS oldest
  FROM mailticket.attempt a JOIN mailticket.message m ON m.attempt = a.id
 WHERE a.status = 'new' GROUP BY m.inbox

-- name: waiting_mail
SELECT inbox, count(*)::int AS n,
       extract(epoch FROM now() - min(created_at))::float AS oldest
  FROM mailticket.outbox WHERE status IN ('waiting', 'sending') GROUP BY inbox

-- name: stuck_mail
-- What is not sent before a person lets it go (bin/mailticket outbox).
SELECT inbox, count(*)::int AS n FROM mailticket.outbox
 WHERE status IN ('held', 'unanswered') GROUP BY inbox

-- name: last_looks
-- A run that read the mailbox, or a watcher that saw it to be well: whichever was later.
SELECT inbox, extract(epoch FROM now() - max(at))::float AS seconds FROM (
    SELECT inbox, looked_at AS at FROM mailticket.mailbox_epoch
    UNION ALL SELECT inbox, well_at FROM mailticket.inbox_state) AS looks
 WHERE at IS NOT NULL GROUP BY inbox
