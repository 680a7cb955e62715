-- The operations that have to be fast, each one round trip.
--
-- Order of locks. Whatever writes to a project first takes its advisory lock: shared, if it changes one user's budget;
-- alone, if it changes who stands above whom or what limits there are, so that others find all that as it is. Then it
-- locks the rows of holders: a user's own before its parent's, the project's last, so that the row that most wait for is
-- held for the shortest time; of several users, the deeper first. Nobody ever waits for a row while holding one that
-- comes after it, so there are no deadlocks.

-- Functions in PL/pgSQL keep their plans for the session; those in SQL would be planned again by each call.

CREATE FUNCTION clock_us() RETURNS bigint LANGUAGE sql VOLATILE AS
    'SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint';

-- Both return the time at which they have the lock, so that who comes later has a later time.
CREATE FUNCTION share_project(of_project bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1650747252, of_project::int); -- the number spells "bdgt"
    RETURN clock_us();
END $$;

CREATE FUNCTION lock_project(of_project bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1650747252, of_project::int);
    RETURN clock_us();
END $$;

-- Locks a user and all above it. chain is their keys in that order, NULL for an unknown user.
CREATE FUNCTION lock_chain(of_project bigint, of_user text, OUT chain bigint[], OUT last_number bigint)
LANGUAGE plpgsql AS $$
DECLARE
    next_holder bigint;
    next_parent bigint;
BEGIN
    SELECT h.holder, h.parent, h.last_number INTO next_holder, next_parent, last_number FROM holders h
        WHERE h.project = of_project AND h.name = of_user AND h.deleted_us = 0 FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    chain := ARRAY[next_holder];
    WHILE next_parent IS NOT NULL LOOP
        chain := chain || next_parent;
        SELECT h.parent INTO next_parent FROM holders h
            WHERE h.project = of_project AND h.holder = next_parent FOR NO KEY UPDATE;
    END LOOP;
    IF of_user <> '' THEN
        SELECT h.holder INTO next_holder FROM holders h
            WHERE h.project = of_project AND h.name = '' AND h.deleted_us = 0 FOR NO KEY UPDATE;
        IF FOUND THEN
            chain := chain || next_holder;
        END IF;
    END IF;
END $$;

-- A user's budget and all that its charges may count against, as they stand: what a read shows where no window and no
-- top-up has passed.
CREATE FUNCTION standings(of_project bigint, chain bigint[], at_us bigint) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT json_agg(json_build_array(
        h.name, l.limit_id, l.name, l.amount, l.duration, l.align, l.zone, l.models, l.anchor_us, l.generation,
        l.window_start_us, l.window_end_us, l.spent,
        CASE WHEN l.held = 0 THEN l.held ELSE l.held - (
            SELECT COALESCE(SUM(p.amount), 0) FROM hold_postings p
            WHERE p.project = l.project AND p.limit_id = l.limit_id AND p.expires_us <= at_us) END,
        l.warn_at, l.extra, l.extra_until_us
    ) ORDER BY array_position(chain, l.holder), l.limit_id)
    FROM limits l JOIN holders h ON h.project = l.project AND h.holder = l.holder
    WHERE l.project = of_project AND l.holder = ANY (chain) AND l.deleted_us = 0);
END $$;

CREATE FUNCTION budget_of(of_project bigint, chain bigint[], at_us bigint) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT json_build_array(h.name, h.created_us, h.updated_us, h.extra,
        (SELECT a.name FROM holders a WHERE a.project = h.project AND a.holder = h.parent),
        standings(of_project, chain, at_us),
        (SELECT json_object_agg(m.name, t.spent ORDER BY t.spent DESC, m.name)
            FROM limits l
            JOIN model_totals t ON t.project = l.project AND t.limit_id = l.limit_id AND t.generation = l.generation
            JOIN models m ON m.project = t.project AND m.model = t.model
            WHERE l.project = of_project AND l.holder = chain[1] AND l.name = 'total' AND l.deleted_us = 0))
    FROM holders h WHERE h.project = of_project AND h.holder = chain[1]);
END $$;

-- What of the limits above a user counts a charge for a model. slow says why the caller cannot tell: a window or a
-- top-up has passed, or nobody has matched the model with a pattern before. members names the posting set; all_limits
-- are also those that do not count it.
CREATE FUNCTION counting(
    of_project bigint, chain bigint[], at_us bigint, of_model text,
    OUT slow json, OUT all_limits bigint[], OUT counted bigint[], OUT members text, OUT any_held boolean
) LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT
        CASE
            WHEN bool_or(l.window_end_us <= at_us OR l.extra_until_us <= at_us) THEN json_build_array('slow')
            WHEN bool_or(l.models IS NOT NULL AND of_model IS NOT NULL AND m.matches IS NULL)
                THEN json_build_array('unmatched', of_model, array_agg(l.models))
        END,
        array_agg(l.limit_id),
        array_agg(l.limit_id) FILTER (WHERE l.models IS NULL OR m.matches),
        string_agg(l.limit_id || ':' || l.generation, ',' ORDER BY array_position(chain, l.holder), l.limit_id)
            FILTER (WHERE l.models IS NULL OR m.matches),
        bool_or(l.held > 0)
    INTO slow, all_limits, counted, members, any_held
    FROM limits l
    LEFT JOIN pattern_matches m ON m.project = l.project AND m.pattern = l.models AND m.model = of_model
    WHERE l.project = of_project AND l.holder = ANY (chain) AND l.deleted_us = 0;
END $$;

CREATE FUNCTION model_key(of_project bigint, of_name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found_key bigint;
BEGIN
    IF of_name IS NULL THEN
        RETURN NULL;
    END IF;
    LOOP -- once, but for a name that somebody else makes at the same moment
        SELECT m.model INTO found_key FROM models m WHERE m.project = of_project AND m.name = of_name;
        IF FOUND THEN
            RETURN found_key;
        END IF;
        INSERT INTO models (project, name) VALUES (of_project, of_name)
            ON CONFLICT DO NOTHING RETURNING model INTO found_key;
        IF FOUND THEN
            RETURN found_key;
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION posting_set_key(of_project bigint, of_members text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found_key bigint;
BEGIN
    SELECT s.posting_set INTO found_key FROM posting_sets s WHERE s.project = of_project AND s.members = of_members;
    IF NOT FOUND THEN -- a set is of one user's limits, whose row is locked: nobody else makes it
        INSERT INTO posting_sets (project, members) VALUES (of_project, of_members) RETURNING posting_set INTO found_key;
        INSERT INTO postings (project, posting_set, limit_id, generation)
            SELECT of_project, found_key, split_part(pair, ':', 1)::bigint, split_part(pair, ':', 2)::bigint
            FROM unnest(string_to_array(of_members, ',')) AS pair;
    END IF;
    RETURN found_key;
END $$;

-- A charge of a user whose chain is locked: its number, or else why it is slow. freed are the limits that a hold of
-- held_amount no longer counts against.
CREATE FUNCTION post(
    of_project bigint, chain bigint[], last_number bigint, at_us bigint, cost numeric, of_model text,
    key_kind text, key_digest bytea, key_request bytea, usage text, pricing text, note text,
    freed bigint[], held_amount numeric, OUT number bigint, OUT slow json
) LANGUAGE plpgsql AS $$
DECLARE
    counts record;
    model_id bigint;
BEGIN
    counts := counting(of_project, chain, at_us, of_model);
    slow := counts.slow;
    IF slow IS NOT NULL THEN
        RETURN;
    END IF;
    INSERT INTO idempotency_keys (project, holder, kind, digest, request, number)
        VALUES (of_project, chain[1], key_kind, key_digest, key_request, last_number + 1) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        slow := json_build_array('slow');
        RETURN;
    END IF;
    number := last_number + 1;
    model_id := model_key(of_project, of_model);
    UPDATE limits l
        SET spent = l.spent + CASE WHEN l.limit_id = ANY (counts.counted) THEN cost ELSE 0 END,
            held = l.held - CASE WHEN l.limit_id = ANY (freed) THEN held_amount ELSE 0 END
        WHERE l.project = of_project AND l.limit_id = ANY (counts.counted || freed);
    INSERT INTO model_totals AS t (project, limit_id, generation, model, spent)
        SELECT l.project, l.limit_id, l.generation, COALESCE(model_id, 0), cost FROM limits l
        WHERE l.project = of_project AND l.limit_id = ANY (counts.counted) AND l.name = 'total'
        ON CONFLICT (project, limit_id, generation, model) DO UPDATE SET spent = t.spent + excluded.spent;
    UPDATE holders h
        SET last_number = h.last_number + CASE WHEN h.holder = chain[1] THEN 1 ELSE 0 END, updated_us = at_us
        WHERE h.project = of_project AND h.holder = ANY (chain);
    INSERT INTO entries (project, holder, number, kind, at_us, amount, model, posting_set, usage, pricing, note)
        VALUES (of_project, chain[1], post.number, 'spend', at_us, cost, model_id,
            posting_set_key(of_project, counts.members), usage, pricing, note);
END $$;

CREATE FUNCTION slow_for(slow json, of_user text) RETURNS json LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN slow ->> 0 = 'slow' THEN json_build_array('slow', of_user) ELSE slow END
$$;

-- What follows answers with JSON, in which the first element says what the others are: 'charged', 'held', 'released';
-- 'denied', with what stands; or, and then nothing was changed, 'unmatched' or 'slow', whose other element is the user
-- whose chain has to be locked, or none for the whole project.

CREATE FUNCTION charge(
    of_project bigint, at_us bigint, of_user text, cost numeric, of_model text,
    key_kind text, key_digest bytea, key_request bytea, usage text, pricing text, note text
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    locked record;
    posted record;
BEGIN
    locked := lock_chain(of_project, of_user);
    IF locked.chain IS NULL THEN
        RETURN json_build_array('slow', of_user);
    END IF;
    posted := post(of_project, locked.chain, locked.last_number, at_us, cost, of_model,
        key_kind, key_digest, key_request, usage, pricing, note, '{}', 0);
    IF posted.slow IS NOT NULL THEN
        RETURN slow_for(posted.slow, of_user);
    END IF;
    RETURN json_build_array('charged', posted.number, at_us, of_model, budget_of(of_project, locked.chain, at_us));
END $$;

CREATE FUNCTION reserve(
    of_project bigint, at_us bigint, hold_name text, of_user text, wanted numeric, ttl_us bigint, of_model text, note text
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    locked record;
    counts record;
    is_allowed boolean;
    key bigint;
BEGIN
    locked := lock_chain(of_project, of_user);
    counts := counting(of_project, locked.chain, at_us, of_model);
    IF locked.chain IS NULL OR EXISTS (SELECT FROM holds o WHERE o.project = of_project AND o.name = hold_name) THEN
        RETURN json_build_array('slow', of_user);
    ELSIF counts.slow IS NOT NULL THEN
        RETURN slow_for(counts.slow, of_user);
    END IF;
    IF counts.any_held THEN -- expired holds free their money here
        WITH gone AS (
            DELETE FROM hold_postings p
            WHERE p.project = of_project AND p.limit_id = ANY (counts.all_limits) AND p.expires_us <= reserve.at_us
            RETURNING p.limit_id, p.hold, p.amount
        ), ended AS ( -- and stay so, should the clock go back
            UPDATE holds o SET state = 'expired'
            WHERE o.project = of_project AND o.hold IN (SELECT g.hold FROM gone g) AND o.state = 'open'
        )
        UPDATE limits l SET held = l.held - s.amount
        FROM (SELECT g.limit_id, SUM(g.amount) AS amount FROM gone g GROUP BY g.limit_id) s
        WHERE l.project = of_project AND l.limit_id = s.limit_id;
    END IF;
    -- A clock that stands more than a day before a window knows nothing of what was spent since.
    SELECT bool_and(l.amount + l.extra - l.spent - l.held >= wanted AND at_us >= l.window_start_us - 86400000000)
        INTO is_allowed FROM limits l WHERE l.project = of_project AND l.limit_id = ANY (counts.counted);
    IF NOT is_allowed THEN
        RETURN json_build_array('denied', at_us, standings(of_project, locked.chain, at_us));
    END IF;
    INSERT INTO holds (project, name, holder, amount, model, state, note, created_us, expires_us)
        VALUES (of_project, hold_name, locked.chain[1], wanted, model_key(of_project, of_model), 'open', note, at_us,
            at_us + ttl_us)
        RETURNING hold INTO key;
    INSERT INTO hold_postings (project, limit_id, expires_us, hold, amount)
        SELECT of_project, c.limit_id, at_us + ttl_us, key, wanted FROM unnest(counts.counted) AS c (limit_id);
    UPDATE limits l SET held = l.held + wanted WHERE l.project = of_project AND l.limit_id = ANY (counts.counted);
    UPDATE holders h SET updated_us = at_us WHERE h.project = of_project AND h.holder = ANY (locked.chain);
    RETURN json_build_array('held', at_us, at_us + ttl_us);
END $$;

-- The hold of that name, if it is open, with its user's chain locked. Otherwise it is slow: and the whole project's, if
-- the user's chain is not all that it concerns.
CREATE FUNCTION lock_hold(
    of_project bigint, hold_name text,
    OUT is_slow boolean, OUT of_user text, OUT chain bigint[], OUT last_number bigint, OUT hold bigint, OUT amount numeric,
    OUT of_model text, OUT note text, OUT created_us bigint, OUT expires_us bigint, OUT freed bigint[]
) LANGUAGE plpgsql AS $$
DECLARE
    owner bigint;
    state text;
    is_within boolean;
    locked record;
BEGIN
    is_slow := true;
    SELECT h.name, o.holder INTO of_user, owner FROM holds o
        JOIN holders h ON h.project = o.project AND h.holder = o.holder
        WHERE o.project = of_project AND o.name = hold_name;
    locked := lock_chain(of_project, of_user);
    IF locked.chain[1] IS DISTINCT FROM owner THEN
        of_user := NULL;
        RETURN;
    END IF;
    chain := locked.chain;
    last_number := locked.last_number;
    SELECT o.state, o.hold, o.amount, o.note, o.created_us, o.expires_us, m.name
        INTO state, hold, amount, note, created_us, expires_us, of_model
        FROM holds o LEFT JOIN models m ON m.project = o.project AND m.model = o.model
        WHERE o.project = of_project AND o.name = hold_name;
    SELECT COALESCE(array_agg(p.limit_id), '{}'), bool_and(l.holder = ANY (locked.chain)) INTO freed, is_within
        FROM hold_postings p JOIN limits l ON l.project = p.project AND l.limit_id = p.limit_id
        WHERE p.project = of_project AND p.hold = lock_hold.hold;
    IF NOT is_within THEN -- the user has moved since
        of_user := NULL;
    END IF;
    is_slow := state <> 'open' OR of_user IS NULL;
END $$;

CREATE FUNCTION resolve(of_project bigint, of_hold bigint, at_us bigint, new_state text, of_number bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM hold_postings p WHERE p.project = of_project AND p.hold = of_hold;
    UPDATE holds o SET state = new_state, number = of_number, resolved_us = at_us
        WHERE o.project = of_project AND o.hold = of_hold;
END $$;

CREATE FUNCTION commit_hold(
    of_project bigint, at_us bigint, hold_name text, cost numeric, stated_model text,
    key_kind text, key_digest bytea, key_request bytea, usage text, pricing text, note text
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    locked record;
    posted record;
    for_model text;
BEGIN
    locked := lock_hold(of_project, hold_name);
    IF locked.is_slow THEN
        RETURN json_build_array('slow', locked.of_user);
    END IF;
    for_model := COALESCE(stated_model, locked.of_model);
    posted := post(of_project, locked.chain, locked.last_number, at_us, cost, for_model,
        key_kind, key_digest, key_request, usage, pricing, note, locked.freed, locked.amount);
    IF posted.slow IS NOT NULL THEN
        RETURN slow_for(posted.slow, locked.of_user);
    END IF;
    PERFORM resolve(of_project, locked.hold, at_us, 'committed', posted.number);
    RETURN json_build_array('charged', posted.number, at_us, for_model, budget_of(of_project, locked.chain, at_us));
END $$;

CREATE FUNCTION release_hold(of_project bigint, at_us bigint, hold_name text) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    locked record;
    counts record;
BEGIN
    locked := lock_hold(of_project, hold_name);
    counts := counting(of_project, locked.chain, at_us, NULL);
    IF locked.is_slow OR counts.slow IS NOT NULL THEN
        RETURN json_build_array('slow', locked.of_user);
    END IF;
    UPDATE limits l SET held = l.held - locked.amount WHERE l.project = of_project AND l.limit_id = ANY (locked.freed);
    UPDATE holders h SET updated_us = at_us WHERE h.project = of_project AND h.holder = ANY (locked.chain);
    PERFORM resolve(of_project, locked.hold, at_us, 'released', NULL);
    RETURN json_build_array('released', at_us, locked.of_user, locked.amount, locked.created_us, locked.expires_us,
        locked.of_model, locked.note);
END $$;

-- One request of the list that apply() takes: what to do, and the arguments of the function that does it.
CREATE FUNCTION perform(of_project bigint, at_us bigint, asked jsonb) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
    CASE asked ->> 0
        WHEN 'charge' THEN
            RETURN charge(of_project, at_us, asked ->> 1, (asked ->> 2)::numeric, asked ->> 3,
                asked ->> 4, decode(asked ->> 5, 'hex'), decode(asked ->> 6, 'hex'), asked ->> 7, asked ->> 8, asked ->> 9);
        WHEN 'reserve' THEN
            RETURN reserve(of_project, at_us, asked ->> 1, asked ->> 2, (asked ->> 3)::numeric, (asked ->> 4)::bigint,
                asked ->> 5, asked ->> 6);
        WHEN 'commit' THEN
            RETURN commit_hold(of_project, at_us, asked ->> 1, (asked ->> 2)::numeric, asked ->> 3,
                asked ->> 4, decode(asked ->> 5, 'hex'), decode(asked ->> 6, 'hex'), asked ->> 7, asked ->> 8, asked ->> 9);
        WHEN 'release' THEN
            RETURN release_hold(of_project, at_us, asked ->> 1);
    END CASE;
END $$;

-- Does the requests in their order up to the first that is slow, which is the last one answered. users are those that
-- they are for, models those that they name, holds those that they resolve.
CREATE FUNCTION apply(of_project bigint, now_us bigint, requests jsonb, users text[], hold_names text[], model_names text[])
RETURNS SETOF json LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    at_us bigint := share_project(of_project);
    asked jsonb;
    answer json;
BEGIN
    at_us := COALESCE(now_us, at_us);
    -- All rows at once in the order of locks: how many stand above a holder says how deep it is.
    PERFORM FROM holders h JOIN (
        WITH RECURSIVE above (start, holder, parent, level) AS (
            SELECT h.holder, h.holder, h.parent, 0 FROM holders h
            WHERE h.project = of_project AND h.deleted_us = 0 AND (h.name = ANY (users) OR h.holder IN (
                SELECT o.holder FROM holds o WHERE o.project = of_project AND o.name = ANY (hold_names)))
            UNION ALL
            SELECT a.start, h.holder, h.parent, a.level + 1 FROM above a
            JOIN holders h ON h.project = of_project AND h.holder = a.parent
        ), deep AS (
            SELECT a.holder, MAX(a.level) OVER (PARTITION BY a.start) - a.level AS depth FROM above a
        )
        SELECT DISTINCT d.holder, d.depth FROM deep d
        UNION ALL
        SELECT h.holder, -1 FROM holders h WHERE h.project = of_project AND h.name = '' AND h.deleted_us = 0
    ) d ON h.holder = d.holder WHERE h.project = of_project ORDER BY d.depth DESC, h.holder FOR NO KEY UPDATE OF h;
    INSERT INTO models (project, name)
        SELECT of_project, n FROM unnest(model_names) AS n
        WHERE NOT EXISTS (SELECT FROM models m WHERE m.project = of_project AND m.name = n)
        ORDER BY n COLLATE "C" ON CONFLICT DO NOTHING;
    FOR asked IN SELECT value FROM jsonb_array_elements(requests) LOOP
        answer := perform(of_project, at_us, asked);
        RETURN NEXT answer;
        EXIT WHEN answer ->> 0 IN ('slow', 'unmatched');
    END LOOP;
END $$;

-- The same for one request, whose own function locks what it needs.
CREATE FUNCTION apply_one(of_project bigint, now_us bigint, asked jsonb) RETURNS json LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    at_us bigint := share_project(of_project);
BEGIN
    RETURN perform(of_project, COALESCE(now_us, at_us), asked);
END $$;

-- What check() looks at, with the time; without limits for an unknown user.
CREATE FUNCTION look(of_project bigint, now_us bigint, of_user text) RETURNS json LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    at_us bigint := COALESCE(now_us, clock_us());
    chain bigint[];
BEGIN
    WITH RECURSIVE above (holder, parent, level) AS (
        SELECT h.holder, h.parent, 0 FROM holders h
        WHERE h.project = of_project AND h.name = of_user AND h.deleted_us = 0
        UNION ALL
        SELECT h.holder, h.parent, a.level + 1 FROM above a
        JOIN holders h ON h.project = of_project AND h.holder = a.parent
    ), own AS (SELECT a.holder, a.level FROM above a)
    SELECT array_agg(o.holder ORDER BY o.level) INTO chain FROM (
        SELECT * FROM own
        UNION ALL
        SELECT h.holder, 1000 FROM holders h
        WHERE h.project = of_project AND h.name = '' AND h.deleted_us = 0 AND of_user <> '' AND EXISTS (SELECT FROM own)
    ) o;
    RETURN json_build_array(at_us, standings(of_project, chain, at_us));
END $$;
