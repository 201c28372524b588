-- :n messages and what goes with them, in the order of the foreign keys. Checks of them are off,
-- as at a restore.
SET session_replication_role = replica;
SET synchronous_commit = off;
INSERT INTO mailticket.organization (id, name)
    SELECT g, 'Org ' || g FROM generate_series(1, 500) g;
INSERT INTO mailticket.person (id, name, email, org_id)
    SELECT g, 'P' || g, 'p' || g || '@example.com', g % 500 + 1 FROM generate_series(1, :n / 5) g;
INSERT INTO mailticket.team (id, name) SELECT g, 'Team ' || g FROM generate_series(1, 50) g;
INSERT INTO mailticket.team_member SELECT g % 50 + 1, g FROM generate_series(1, 500) g;
INSERT INTO mailticket.configuration (hash, inbox, document, versions)
    SELECT 'h' || g, 'inbox' || g % 100, jsonb_build_object('address', 'i' || g % 100 || '@x.example'),
           '{}' FROM generate_series(1, 1000) g;
INSERT INTO mailticket.run (inbox, name, configuration, started_at, finished_at)
    SELECT 'inbox' || g % 100, 'r' || g, 'h' || g % 1000 + 1, now() - g * interval '1 minute', now()
      FROM generate_series(1, :n / 5) g;
INSERT INTO mailticket.run_step (run, step, clear_number, counts)
    SELECT g, s, 0, '{}' FROM generate_series(1, :n / 5) g, unnest('{fetch,filter,parse}'::text[]) s;
INSERT INTO mailticket.mailbox_epoch (inbox, server, login, folder, uidvalidity, cursor)
    SELECT 'inbox' || g, 's', 'i' || g || '@x.example', 'INBOX', 1, :n FROM generate_series(0, 99) g;
INSERT INTO mailticket.ticket (id, ref, class, title, status, org_id, caller_id, created_at, closed_at)
    SELECT g, 'R-' || lpad(g::text, 6, '0'), 'UserRequest', 'T', CASE g % 10 WHEN 0 THEN 'new' ELSE 'closed' END,
           g % 500 + 1, g % (:n / 5) + 1, now() - g * interval '1 minute', now()
      FROM generate_series(1, :n / 2) g;
INSERT INTO mailticket.user_request (ticket_id) SELECT id FROM mailticket.ticket;
INSERT INTO mailticket.ticket_contact SELECT id, id % (:n / 5) + 1 FROM mailticket.ticket WHERE id % 3 = 0;
INSERT INTO mailticket.message (inbox, message_id, size, header_size, header_hash, content_hash, sender,
        participants, ticket_id, seen_at, attempt)
    SELECT 'inbox' || g % 100, 'm' || g || '@example.com', 900, 300, sha256(g::text::bytea),
           sha256(g::text::bytea), 'p' || g % (:n / 5) || '@example.com', '{}', g % (:n / 2) + 1,
           now() - g * interval '1 minute', g
      FROM generate_series(1, :n) g;
INSERT INTO mailticket.original (message, raw, stored_at)
    SELECT id, 'raw', seen_at FROM mailticket.message;
INSERT INTO mailticket.location (epoch, uid, message, settled_at)
    SELECT id % 100 + 1, id::text, id, CASE WHEN id % 100 < 90 THEN now() END FROM mailticket.message;
INSERT INTO mailticket.attempt (message, n, run, configuration, stage, status, verdict, decided_by,
        decided_in, told_at, ticket_id, decided_at, opened_at)
    SELECT id, 1, id % (:n / 5) + 1, 'h1',
           CASE WHEN id % 50000 = 1 THEN 'fetched' ELSE 'decided' END::mailticket.stage,
           CASE WHEN id % 50000 = 1 THEN 'new' WHEN id % 50 = 0 THEN 'error' ELSE 'processed' END::mailticket.message_state,
           CASE WHEN id % 50000 = 1 THEN NULL WHEN id % 50 = 0 THEN 'rejected' ELSE 'create' END::mailticket.verdict,
           'r', 'filter', now(), ticket_id, now(), seen_at
      FROM mailticket.message;
INSERT INTO mailticket.log_entry (ticket_id, message, attempt)
    SELECT ticket_id, id, id FROM mailticket.message WHERE id % 2 = 0;
INSERT INTO mailticket.blob (sha256, size, content, stored_at)
    SELECT sha256(g::text::bytea), 4, 'blob', now() - g * interval '1 minute' FROM generate_series(1, :n / 2) g;
INSERT INTO mailticket.attachment (ticket_id, message, sha256, filename, content_type)
    SELECT g, g, sha256(g::text::bytea), 'f', 't' FROM generate_series(1, :n / 2) g;
INSERT INTO mailticket.ticket_event (ticket_id, ref, class, kind, message, attempt, run, inbox, counts_for,
        created_at, announced_at, announcing_run)
    SELECT ticket_id, 'r', 'UserRequest', CASE id % 2 WHEN 0 THEN 'created' ELSE 'updated' END, id, id,
           id % (:n / 5) + 1, inbox, sender, seen_at, now(), id % (:n / 5) + 1
      FROM mailticket.message;
INSERT INTO mailticket.outbox (inbox, kind, message, rule, ticket_id, smtp_conn_id, sender, recipient,
        message_id, status, created_at, sent_at, counts_for)
    SELECT inbox, 'agent_reply', id, '', ticket_id, 'smtp', 'a@x.example', sender, 'o' || id,
           CASE WHEN id % 20000 = 0 THEN 'waiting' ELSE 'sent' END, seen_at, seen_at, sender
      FROM mailticket.message WHERE id % 2 = 0;
RESET session_replication_role;
