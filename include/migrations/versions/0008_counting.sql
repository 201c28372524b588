-- How many there are in each window of so many minutes, counted no further than `most`. The order is
-- that of the index, so that no plan is thought better than to read the last ones there.

CREATE FUNCTION mailticket.tickets_of_sender(of_inbox text, of_sender text, minutes int[], most int[])
RETURNS int[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    counts int[] := '{}';
BEGIN
    FOR i IN 1 .. cardinality(minutes) LOOP
        counts[i] := (SELECT count(*) FROM (
            SELECT FROM mailticket.ticket_event e
             WHERE e.inbox = of_inbox AND e.counts_for = of_sender AND e.kind = 'created'
               AND e.created_at > now() - make_interval(mins => minutes[i])
             ORDER BY e.created_at DESC LIMIT most[i]) x);
    END LOOP;
    RETURN counts;
END $$;

CREATE FUNCTION mailticket.tickets_of_inbox(of_inbox text, minutes int[], most int[])
RETURNS int[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    counts int[] := '{}';
BEGIN
    FOR i IN 1 .. cardinality(minutes) LOOP
        counts[i] := (SELECT count(*) FROM (
            SELECT FROM mailticket.ticket_event e
             WHERE e.inbox = of_inbox AND e.kind = 'created' AND e.counts_for IS NOT NULL
               AND e.created_at > now() - make_interval(mins => minutes[i])
             ORDER BY e.created_at DESC LIMIT most[i]) x);
    END LOOP;
    RETURN counts;
END $$;

CREATE FUNCTION mailticket.reopenings_of(of_ticket bigint, minutes int[], most int[])
RETURNS int[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    counts int[] := '{}';
BEGIN
    FOR i IN 1 .. cardinality(minutes) LOOP
        counts[i] := (SELECT count(*) FROM (
            SELECT FROM mailticket.ticket_event e
             WHERE e.ticket_id = of_ticket AND e.kind = 'reopened' AND e.counts_for IS NOT NULL
               AND e.created_at > now() - make_interval(mins => minutes[i])
             ORDER BY e.created_at DESC LIMIT most[i]) x);
    END LOOP;
    RETURN counts;
END $$;
