-- name: header_facts
-- For each (n, sender, message_id, content_hash, below): who wrote, and which copy came before.
SELECT g.n,
       coalesce((SELECT jsonb_agg(jsonb_build_object('id', p.id, 'first_name', p.first_name,
                        'name', p.name, 'email', p.email, 'org_id', p.org_id) ORDER BY p.id)
                   FROM mailticket.person p WHERE lower(p.email COLLATE "C") = g.sender), '[]') AS callers,
       to_jsonb(e) AS earlier
  FROM (VALUES %s) AS g (n, sender, message_id, content_hash, below)
  LEFT JOIN LATERAL (
       SELECT m.id, a.status::text, t.id AS ticket_id, t.ref
         FROM mailticket.message m
         JOIN mailticket.attempt a ON a.id = m.attempt
         LEFT JOIN mailticket.ticket t ON t.id = m.ticket_id
        WHERE m.inbox = %(inbox)s AND m.content_hash = g.content_hash::bytea
          AND m.message_id = g.message_id
          AND (g.below::bigint IS NULL OR m.id < g.below::bigint)
        ORDER BY m.id LIMIT 1) e ON true
 ORDER BY g.n

-- name: sent_ids
SELECT message_id, ticket_id, kind FROM mailticket.outbox
 WHERE message_id = ANY (%(message_ids)s)

-- name: ticket_refs
SELECT id, ref FROM mailticket.ticket WHERE id = ANY (%(ids)s)

-- name: ticket_facts
WITH sender AS (
    SELECT id, first_name, name, email, org_id, by_mail FROM mailticket.person
     WHERE lower(email COLLATE "C") = %(sender)s ORDER BY id),
teams AS (
    SELECT tm.team_id FROM mailticket.team_member tm JOIN sender p ON p.id = tm.person_id),
thread AS (
    -- Only what went onto a ticket makes a thread: the readers named on a duplicate may be forged.
    -- Machines repeat Message-IDs: the oldest such messages are enough.
    (SELECT m.id, m.message_id, m.ticket_id, %(sender)s = ANY (m.participants) AS took_part
       FROM mailticket.message m
       JOIN mailticket.attempt a ON a.id = m.attempt AND a.verdict IN ('create', 'update')
      WHERE m.message_id = ANY (%(threads)s) AND m.message_id <> '' AND m.ticket_id IS NOT NULL
        AND m.id IS DISTINCT FROM %(message)s
      ORDER BY m.id LIMIT 500)
    UNION ALL
    SELECT 0, o.message_id, o.ticket_id, true FROM mailticket.outbox o
     WHERE o.message_id = ANY (%(threads)s) AND o.ticket_id IS NOT NULL),
named AS (SELECT id, ref FROM mailticket.ticket WHERE ref = ANY (%(titled)s)),
mine AS (
    SELECT ticket_id AS id FROM mailticket.message
     WHERE id = %(message)s AND ticket_id IS NOT NULL),
wanted AS (
    SELECT unnest(%(signed)s::bigint[]) AS id UNION SELECT ticket_id FROM thread
    UNION SELECT id FROM named UNION SELECT id FROM mine),
brief AS (
    SELECT t.id, t.ref, t.class AS ticket_class, t.status, s.closed,
           EXISTS (SELECT FROM sender p
                    WHERE p.id IN (t.caller_id, t.agent_id)
                       -- Whom mail made is in the organisation that all strangers are given.
                       OR (p.org_id = t.org_id AND NOT p.by_mail)
                       OR EXISTS (SELECT FROM mailticket.ticket_contact c
                                   WHERE c.ticket_id = t.id AND c.person_id = p.id)
                       OR t.team_id IN (SELECT team_id FROM teams)) AS related,
           coalesce(t.agent_id IN (SELECT id FROM sender), false)
               OR coalesce(t.team_id IN (SELECT team_id FROM teams), false) AS by_agent,
           CASE WHEN s.closed THEN mailticket.reopenings_of(
                    t.id, %(reopen_minutes)s::int[], %(reopen_most)s::int[])
                ELSE '{}' END AS reopens
      FROM mailticket.ticket t
      JOIN mailticket.ticket_status s ON s.class = t.class AND s.value = t.status
     -- An array: a join would read a small table of tickets from one end to the other.
     WHERE t.id = ANY (ARRAY(SELECT id FROM wanted)))
SELECT (SELECT coalesce(jsonb_agg(to_jsonb(sender) - 'by_mail'), '[]') FROM sender) AS callers,
       (SELECT coalesce(jsonb_agg(to_jsonb(brief)), '[]') FROM brief) AS briefs,
       (SELECT coalesce(jsonb_agg(to_jsonb(thread) ORDER BY id, ticket_id), '[]') FROM thread) AS threads,
       (SELECT id FROM mine) AS mine,
       (SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY c.id), '[]') FROM (
            SELECT DISTINCT ON (lower(email COLLATE "C")) id, first_name, name, email, org_id
              FROM mailticket.person
             WHERE lower(email COLLATE "C") = ANY (%(addresses)s)
               AND lower(email COLLATE "C") <> %(sender)s
             ORDER BY lower(email COLLATE "C"), id LIMIT 200) c) AS contacts,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('ticket_id', f.ticket_id,
                                                     'sha256', encode(f.sha256, 'hex'))), '[]')
          FROM mailticket.attachment f JOIN brief ON brief.id = f.ticket_id
         WHERE f.sha256 = ANY (%(digests)s::bytea[])) AS attached,
       (SELECT m.message_id FROM mailticket.message m
          JOIN mailticket.attempt a ON a.id = m.attempt
         -- Few have one of these ids; the index by inbox would give all of the inbox's.
         WHERE m.message_id = ANY (%(threads)s) AND m.inbox IS NOT DISTINCT FROM %(inbox)s
           AND m.message_id <> '' AND a.status = 'new' AND m.id IS DISTINCT FROM %(message)s LIMIT 1) AS awaited,
       (SELECT jsonb_build_object('id', m.id, 'status', a.status, 'ticket_id', t.id,
                                   'ref', t.ref)
          FROM mailticket.message m
          JOIN mailticket.attempt a ON a.id = m.attempt
          LEFT JOIN mailticket.ticket t ON t.id = m.ticket_id
         WHERE m.inbox = %(inbox)s AND m.content_hash = %(content_hash)s
           AND m.message_id = %(message_id)s AND m.id < %(message)s
         ORDER BY m.id LIMIT 1) AS earlier,
       mailticket.tickets_of_sender(%(inbox)s, %(counts_for)s, %(sender_minutes)s::int[],
                                    %(sender_most)s::int[]) AS made_by_sender,
       mailticket.tickets_of_inbox(%(inbox)s, %(inbox_minutes)s::int[],
                                   %(inbox_most)s::int[]) AS made_in_inbox,
       EXISTS (SELECT FROM mailticket.attempt a
                WHERE a.message = %(message)s AND a.verdict = 'held') AS released,
       -- NULL where the attempt is not the run's to decide, or was begun anew since it was loaded. A
       -- wait that this very run added, before it was killed and tried again, does not count yet.
       (SELECT a.waits - (a.waited_in IS NOT DISTINCT FROM %(run)s)::int FROM mailticket.attempt a
         WHERE a.id = %(attempt)s AND a.status = 'new' AND a.stage = 'parsed'
           AND a.run IS NOT DISTINCT FROM %(run)s  -- the index on run would be read to its end
           AND a.clear_number = %(clear_number)s) AS waits
