-- Storm caps ------------------------------------------------------------------------------------------
-- What a cap counts is an index range of its own, and no more than the cap's number is ever read of it.

ALTER TABLE mailticket.ticket_event
    ADD COLUMN inbox text,
    -- the sender for whose caps it counts; NULL: a person let it through, it counts for none
    ADD COLUMN counts_for text;

UPDATE mailticket.ticket_event e SET inbox = m.inbox, counts_for = lower(left(m.sender, 320))
  FROM mailticket.message m
 WHERE m.id = e.message AND e.kind IN ('created', 'reopened')
   AND e.created_at > now() - interval '1 day';

CREATE INDEX ticket_event_by_sender ON mailticket.ticket_event (inbox, counts_for, created_at)
    WHERE kind = 'created' AND counts_for IS NOT NULL;
CREATE INDEX ticket_event_by_inbox ON mailticket.ticket_event (inbox, created_at)
    WHERE kind = 'created' AND counts_for IS NOT NULL;
CREATE INDEX ticket_event_reopened ON mailticket.ticket_event (ticket_id, created_at)
    WHERE kind = 'reopened' AND counts_for IS NOT NULL;

ALTER TABLE mailticket.attempt
    ADD COLUMN storm text NOT NULL DEFAULT '',  -- what it was held for: sender, inbox or ticket
    ADD COLUMN storm_until timestamptz;         -- one more that is held before belongs to the same storm

CREATE INDEX attempt_storm ON mailticket.attempt (decided_by, storm, storm_until)
    WHERE verdict = 'held' AND told_at IS NOT NULL;
CREATE INDEX attempt_untold_held ON mailticket.attempt (message)
    WHERE verdict = 'held' AND told_at IS NULL;
CREATE INDEX attempt_held ON mailticket.attempt (message) WHERE status = 'held';

-- What is mailed --------------------------------------------------------------------------------------

ALTER TABLE mailticket.outbox
    DROP CONSTRAINT outbox_status_check,
    ADD CONSTRAINT outbox_status_check
        CHECK (status IN ('waiting', 'sending', 'sent', 'refused', 'unanswered', 'held')),
    -- the recipient for whose cap it counts; NULL: it is held, or a person let it through
    ADD COLUMN counts_for text,
    -- the entry that it brings, where no message made it
    ADD COLUMN log_entry bigint REFERENCES mailticket.log_entry ON DELETE SET NULL,
    ADD CONSTRAINT outbox_entry_once UNIQUE (log_entry, kind, recipient);

UPDATE mailticket.outbox SET counts_for = lower(left(recipient, 320))
 WHERE created_at > now() - interval '1 day';

CREATE INDEX outbox_counts ON mailticket.outbox (counts_for, created_at) WHERE counts_for IS NOT NULL;
CREATE INDEX outbox_stuck ON mailticket.outbox (inbox, id) WHERE status <> 'sent';

-- The messages of a ticket in their order: its mails name them.
DROP INDEX mailticket.message_ticket;
CREATE INDEX message_ticket ON mailticket.message (ticket_id, id) WHERE ticket_id IS NOT NULL;

-- Whom no acknowledgement may go to: the addresses of our own inboxes.
CREATE INDEX mailbox_epoch_login ON mailticket.mailbox_epoch (lower(login COLLATE "C"));
CREATE INDEX configuration_address ON mailticket.configuration (lower((document ->> 'address') COLLATE "C"));

ALTER TABLE mailticket.person
    ADD COLUMN language text CHECK (language ~ '^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$');
