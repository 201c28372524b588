-- Batches of mapped tasks (SPEC 6.6): `filter` gives each message that goes on to `parse` a number.
ALTER TABLE mailticket.attempt ADD batch integer;
CREATE INDEX attempt_rest ON mailticket.attempt (run, batch) WHERE status = 'new';

-- A mapped step has come to its end when all of its batches have; 0: it is not mapped.
ALTER TABLE mailticket.run_step ADD batch integer NOT NULL DEFAULT 0;
ALTER TABLE mailticket.run_step DROP CONSTRAINT run_step_pkey;
ALTER TABLE mailticket.run_step ADD PRIMARY KEY (run, step, clear_number, batch);

-- A folder of which a run left the rest to the next one (max_messages_per_run): which run did. Read
-- by whoever rings for the next run.
ALTER TABLE mailticket.mailbox_epoch ADD rest_of bigint;
CREATE INDEX mailbox_epoch_rest ON mailticket.mailbox_epoch (inbox) WHERE rest_of IS NOT NULL;
-- When what lies in the folder was last compared with our rows, one by one.
ALTER TABLE mailticket.mailbox_epoch ADD compared_at timestamptz;

-- Who is connected to which server: inboxes on one server share its limits. One pass at a time works
-- on an inbox, and its lease says whether it still lives.
CREATE TABLE mailticket.mailbox_session (
    inbox text PRIMARY KEY,
    holder text NOT NULL,
    server text NOT NULL,
    login text NOT NULL,
    since timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX mailbox_session_server ON mailticket.mailbox_session (server, login);
