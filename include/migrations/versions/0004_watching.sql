-- Runs that are asked for by what happens in the database: a ticket whose mail was kept is closed or
-- deleted. Only added to, so that two people who close tickets never wait for each other; `cleanup`
-- takes away what it saw before it began to settle.
CREATE TABLE mailticket.bell (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    inbox text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX bell_inbox ON mailticket.bell (inbox, id);

CREATE FUNCTION mailticket.ask_to_settle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO mailticket.bell (inbox)
    SELECT DISTINCT m.inbox
      FROM mailticket.message m
      JOIN mailticket.location l ON l.message = m.id
     WHERE m.ticket_id = OLD.id AND l.settled_at IS NULL AND l.gone_at IS NULL;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ticket_closed AFTER UPDATE ON mailticket.ticket FOR EACH ROW
    WHEN (OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL)
    EXECUTE FUNCTION mailticket.ask_to_settle();
-- Before: afterwards no message names the ticket any more.
CREATE TRIGGER ticket_deleted BEFORE DELETE ON mailticket.ticket FOR EACH ROW
    EXECUTE FUNCTION mailticket.ask_to_settle();

-- What the watcher of an inbox last saw: when all was well, and since when and why it is not.
CREATE TABLE mailticket.inbox_state (
    inbox text PRIMARY KEY,
    watched_by text,              -- push, or look: how new mail is noticed
    well_at timestamptz,          -- when the mailbox was last seen to be well
    failing_since timestamptz,
    error text,
    told_at timestamptz,          -- when the run that shows the failure was asked for
    changed_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((failing_since IS NULL) = (error IS NULL))
);

CREATE INDEX run_of_inbox ON mailticket.run (inbox, id);
