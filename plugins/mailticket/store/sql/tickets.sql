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
SELECT a.attname AS name, t.typname AS type,
       a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS mandatory,
       a.attnotnull AS not_null,
       CASE WHEN a.atttypid = 'varchar'::regtype AND a.atttypmod > 4 THEN a.atttypmod - 4 END
           AS max_characters,
       (SELECT coalesce(array_agg(e.enumlabel::text ORDER BY e.enumsortorder), '{}')
          FROM pg_enum e WHERE e.enumtypid = a.atttypid) AS values,
       (SELECT c.confrelid::regclass::text FROM pg_constraint c
         WHERE c.conrelid = a.attrelid AND c.contype = 'f' AND c.conkey = ARRAY[a.attnum] LIMIT 1)
           AS refers_to
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid = to_regclass('mailticket.' || quote_ident(%(table)s))
   AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum

-- name: mandatory_checks
SELECT conname AS name FROM pg_constraint
 WHERE conrelid = 'mailticket.ticket'::regclass AND contype = 'c'
   AND conname LIKE 'mandatory\_\_%%'

-- name: add_contacts
INSERT INTO mailticket.ticket_contact (ticket_id, person_id) VALUES %s ON CONFLICT DO NOTHING

-- name: change_status
UPDATE mailticket.ticket SET status = %(status)s WHERE id = %(ticket_id)s

-- name: touch_ticket
UPDATE mailticket.ticket SET updated_at = now() WHERE id = %(ticket_id)s

-- name: append_log_entry
WITH touched AS (UPDATE mailticket.ticket SET updated_at = now() WHERE id = %(ticket_id)s)
INSERT INTO mailticket.log_entry (ticket_id, field, author_id, author_name, html, text,
                                  cut_html, cut_text, message, attempt)
VALUES (%(ticket_id)s, %(field)s, %(author_id)s, %(author_name)s, %(html)s, %(text)s,
        %(cut_html)s, %(cut_text)s, %(message)s, %(attempt)s)
RETURNING id

-- name: attach_files
INSERT INTO mailticket.attachment (ticket_id, log_entry_id, message, sha256, filename, content_type,
                                   content_id, inline)
VALUES %s ON CONFLICT (ticket_id, sha256) DO NOTHING RETURNING filename

-- name: unannounced
-- Marks what this run is about to announce, and gives it: its own events, and those of earlier
-- passes over the inbox that never came to announce theirs.
UPDATE mailticket.ticket_event e SET announcing_run = %(run)s
  FROM mailticket.run r
 WHERE r.id = e.run AND r.inbox = %(inbox)s AND e.announced_at IS NULL
RETURNING e.id, e.ticket_id, e.ref, e.class, e.kind, e.message

-- name: mark_announced
UPDATE mailticket.ticket_event SET announced_at = now()
 WHERE announcing_run = %(run)s AND announced_at IS NULL
RETURNING id

-- name: events_after
-- The feed: only what no slower transaction can still precede.
SELECT id, xid::text::bigint AS xid, ticket_id, ref, class, kind, message, created_at
  FROM mailticket.ticket_event
 WHERE (xid, id) > (%(xid)s::text::xid8, %(id)s) AND xid < pg_snapshot_xmin(pg_current_snapshot())
 ORDER BY xid, id LIMIT %(limit)s

-- name: note_failed_delivery
INSERT INTO mailticket.ticket_event (ticket_id, ref, class, kind, message, attempt, run, detail)
SELECT t.id, t.ref, t.class, 'delivery_failed', %(message)s, %(attempt)s, %(run)s, %(detail)s
  FROM mailticket.ticket t
 WHERE t.ref = %(ref)s
   AND NOT EXISTS (SELECT FROM mailticket.ticket_event e
                    WHERE e.attempt = %(attempt)s AND e.kind = 'delivery_failed')
