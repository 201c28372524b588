-- name: ticket_class
SELECT name, table_name, prefix, log_field, log_fields FROM mailticket.ticket_class
 WHERE name = %(name)s

-- name: ticket_class_names
SELECT name FROM mailticket.ticket_class ORDER BY name

-- name: ticket_statuses
SELECT value, closed, initial, reopened FROM mailticket.ticket_status
 WHERE class = %(name)s ORDER BY position

-- name: columns
-- The columns of a table as the catalogue knows them; refers_to is the table of a foreign key.
SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type,
       a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS mandatory,
       CASE WHEN a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype) AND a.atttypmod > 4
            THEN a.atttypmod - 4 END AS max_characters,
       (SELECT coalesce(array_agg(e.enumlabel::text ORDER BY e.enumsortorder), '{}')
          FROM pg_enum e WHERE e.enumtypid = a.atttypid) AS values,
       k.refers_to, k.refers_column
  FROM pg_attribute a
  LEFT JOIN LATERAL (
       SELECT format('%%I.%%I', n.nspname, r.relname) AS refers_to, f.attname AS refers_column
         FROM pg_constraint c
         JOIN pg_class r ON r.oid = c.confrelid
         JOIN pg_namespace n ON n.oid = r.relnamespace
         JOIN pg_attribute f ON f.attrelid = r.oid AND f.attnum = c.confkey[1]
        WHERE c.conrelid = a.attrelid AND c.contype = 'f' AND c.conkey = ARRAY[a.attnum]
        ORDER BY c.oid LIMIT 1) k ON true
 WHERE a.attrelid = to_regclass('mailticket.' || quote_ident(%(table)s))
   AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
 ORDER BY a.attnum

-- name: naming_column
-- By which text column people name the rows of a table: a unique one where there is one.
SELECT a.attname AS name FROM pg_attribute a
 WHERE a.attrelid = to_regclass(%(table)s) AND a.attnum > 0 AND NOT a.attisdropped
   AND a.atttypid IN ('text'::regtype, 'varchar'::regtype)
 ORDER BY EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique
                     AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) DESC,
          a.attname = %(key)s, a.attname = 'email' DESC, a.attname = 'name' DESC, a.attnum
 LIMIT 1

-- name: mandatory_checks
SELECT conname AS name FROM pg_constraint
 WHERE conrelid = 'mailticket.ticket'::regclass AND contype = 'c'
   AND conname LIKE 'mandatory\_\_%%'

-- name: add_contacts
-- The ticket's caller is no contact: whoever is told of changes would be told twice.
INSERT INTO mailticket.ticket_contact (ticket_id, person_id)
SELECT g.ticket_id, g.person_id FROM (VALUES %s) AS g (ticket_id, person_id)
  JOIN mailticket.ticket t ON t.id = g.ticket_id AND t.caller_id IS DISTINCT FROM g.person_id
ON CONFLICT DO NOTHING

-- name: lock_sender
-- Two inboxes may meet the same stranger at once: the second one waits, then finds the person.
SELECT pg_advisory_xact_lock(
           hashtextextended('mailticket person ' || lower(%(email)s COLLATE "C"), 0))

-- name: person_by_email
SELECT id FROM mailticket.person
 WHERE lower(email COLLATE "C") = lower(%(email)s COLLATE "C") ORDER BY id LIMIT 1

-- name: change_status
UPDATE mailticket.ticket SET status = %(status)s WHERE id = %(ticket_id)s

-- name: lock_ticket
SELECT id FROM mailticket.ticket WHERE id = %(ticket_id)s FOR NO KEY UPDATE

-- name: append_log_entry
WITH touched AS (
    UPDATE mailticket.ticket SET updated_at = now() WHERE id = %(ticket_id)s RETURNING ref)
INSERT INTO mailticket.log_entry (ticket_id, field, author_id, author_name, html, text,
                                  cut_html, cut_text, message, attempt)
VALUES (%(ticket_id)s, %(field)s, %(author_id)s, %(author_name)s, %(html)s, %(text)s,
        %(cut_html)s, %(cut_text)s, %(message)s, %(attempt)s)
RETURNING id, (SELECT ref FROM touched) AS ref

-- name: attach_files
INSERT INTO mailticket.attachment (ticket_id, log_entry_id, message, sha256, filename, content_type,
                                   content_id, inline)
VALUES %s ON CONFLICT (ticket_id, sha256) DO NOTHING RETURNING filename

-- name: unannounced
-- Marks what this run is about to announce, and gives it: its own events, and those of earlier
-- passes over the inbox that never came to announce theirs. No more than Airflow takes in one
-- request without keeping others waiting: the watch rings for the rest.
UPDATE mailticket.ticket_event e SET announcing_run = %(run)s
 WHERE e.id IN (
       SELECT o.id FROM mailticket.ticket_event o JOIN mailticket.run r ON r.id = o.run
        WHERE r.inbox = %(inbox)s AND o.announced_at IS NULL ORDER BY o.id LIMIT 2000)
RETURNING e.id, e.ticket_id, e.ref, e.class, e.kind, e.message

-- name: mark_announced
UPDATE mailticket.ticket_event SET announced_at = now()
 WHERE announcing_run = %(run)s AND announced_at IS NULL
RETURNING id

-- name: events_after
-- The feed: only what no slower transaction can still precede.
SELECT e.id, e.xid::text::bigint AS xid, e.ticket_id, e.ref, e.class, e.kind, e.message, e.created_at
  FROM mailticket.ticket_event e
 WHERE (e.xid, e.id) > (%(xid)s::text::xid8, %(id)s)
   AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
 ORDER BY e.xid, e.id  -- not the number of the same name: no index has that
 LIMIT %(limit)s

-- name: note_failed_delivery
INSERT INTO mailticket.ticket_event (ticket_id, ref, class, kind, message, attempt, run, detail)
SELECT t.id, t.ref, t.class, 'delivery_failed', %(message)s, %(attempt)s, %(run)s, %(detail)s
  FROM mailticket.ticket t
 WHERE t.ref = %(ref)s
   AND NOT EXISTS (SELECT FROM mailticket.ticket_event e
                    WHERE e.attempt = %(attempt)s AND e.kind = 'delivery_failed')
