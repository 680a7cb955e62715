-- The operations that have to be fast, each one round trip.
--
-- Order of locks. Whatever writes to a project first takes its advisory lock: shared, if it changes one user's budget;
-- alone, if it changes who stands above whom or what limits there are, so that others find all that as it is. Then it
-- locks the rows of accounts: a user's own before its parent's, the project's last, so that the row that most wait for is
-- held for the shortest time; of several users, the deeper first. Nobody ever waits for a row while holding one that
-- comes after it, so there are no deadlocks.

-- Functions in PL/pgSQL keep their plans for the session. The driver sets that they are planned once, and by indexes, in
-- the order in which they name tables. What costs time is less what a statement reads than that it begins, and the more
-- clients take turns, the less of its memory is still at hand: so an operation is one function of few statements. What
-- they share is in SQL: that becomes part of the statements that use it, without what they do not ask for.

CREATE FUNCTION clock_us() RETURNS bigint LANGUAGE sql VOLATILE AS
    'SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint';

-- Both return the time, as stated or at which they have the lock, so that who comes later has a later time. The number
-- spells "bdgt".
CREATE FUNCTION share_project(of_project bigint, now_us bigint) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN pg_advisory_xact_lock_shared(1650747252, of_project::int) IS NOT NULL
        THEN COALESCE(now_us, clock_us()) END
$$;

CREATE FUNCTION lock_project(of_project bigint, now_us bigint) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN pg_advisory_xact_lock(1650747252, of_project::int) IS NOT NULL
        THEN COALESCE(now_us, clock_us()) END
$$;

-- Where a call's model is asked for (of_model), its names are one text, a line for each. The last one is that of its entry.
CREATE FUNCTION model_of(names text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT split_part(names, E'\n', -1)
$$;

-- What is remembered of a pattern and names goes by their digest: an index has no room for several long names.
CREATE FUNCTION match_key(pattern text, names text) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(convert_to(pattern || E'\n' || names, 'UTF8'))
$$;

-- The account of the project's own limits, if it has any.
CREATE FUNCTION cap_of(of_project bigint) RETURNS TABLE (account bigint) LANGUAGE sql STABLE AS $$
    SELECT acc.account FROM accounts acc WHERE acc.project = of_project AND acc.name = '' AND acc.deleted_us = 0
$$;

-- A account and all above it.
CREATE FUNCTION chain_of(of_project bigint, of_account bigint, of_parent bigint, cap bigint) RETURNS bigint[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
    chain bigint[] := ARRAY[of_account];
    above bigint := of_parent;
BEGIN
    WHILE above IS NOT NULL LOOP
        chain := chain || above;
        SELECT acc.parent INTO above FROM accounts acc WHERE acc.project = of_project AND acc.account = above;
    END LOOP;
    RETURN CASE WHEN cap <> of_account THEN chain || cap ELSE chain END;
END $$;

-- The same with their names, for a account whose row is locked: locks those above it.
CREATE FUNCTION lock_above(
    of_project bigint, of_account bigint, of_user text, of_parent bigint, cap bigint, OUT chain bigint[], OUT names text[]
) LANGUAGE plpgsql AS $$
DECLARE
    above record;
BEGIN
    chain := ARRAY[of_account];
    names := ARRAY[of_user];
    WHILE of_parent IS NOT NULL LOOP
        SELECT acc.account, acc.parent, acc.name INTO above FROM accounts acc
            WHERE acc.project = of_project AND acc.account = of_parent FOR NO KEY UPDATE;
        chain := chain || above.account;
        names := names || above.name;
        of_parent := above.parent;
    END LOOP;
    IF cap <> of_account THEN
        PERFORM FROM accounts acc WHERE acc.project = of_project AND acc.account = cap FOR NO KEY UPDATE;
        chain := chain || cap;
        names := names || ''::text;
    END IF;
END $$;

-- The same for a user whose row is locked first; NULL for an unknown one.
CREATE FUNCTION lock_chain(of_project bigint, of_user text) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    own record;
BEGIN
    SELECT acc.account, acc.parent, c.account AS cap INTO own FROM accounts acc LEFT JOIN cap_of(of_project) c ON true
        WHERE acc.project = of_project AND acc.name = of_user AND acc.deleted_us = 0 FOR NO KEY UPDATE OF acc;
    RETURN CASE WHEN FOUND THEN (
        SELECT a.chain FROM lock_above(of_project, own.account, of_user, own.parent, own.cap) a) END;
END $$;

-- What an answer says of a limit, with what it has spent, and what it holds but for what is let go: whose it is, and then the
-- fields of Python's Limit, which stand here when the functions are made. With their names in each answer, those of long lists
-- would take a tenth longer.
CREATE FUNCTION standing(owner text, l limits, spent numeric, let_go numeric) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_array(owner, {limit})
$$;

-- The answer to what the shared code has to do, under the lock of that user's chain, or for none of the whole project.
CREATE FUNCTION slowly(of_user text) RETURNS json LANGUAGE sql IMMUTABLE AS $$
    SELECT json_build_object('what', 'slow', 'user', of_user)
$$;

-- Whether a window or a top-up has passed.
CREATE FUNCTION is_due(l limits, at_us bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS
    'SELECT (l.window_end_us <= at_us) IS TRUE OR (l.topped_up_until_us <= at_us) IS TRUE';

-- Whether a clock is further ahead of something than anybody leaves a ledger alone (stores/clock.py). By that of a user's
-- row the functions are slow, so that the shared code looks at what else the ledger knows.
CREATE FUNCTION is_doubtful(since_us bigint, at_us bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS
    'SELECT at_us - since_us > 94867200000000';

-- Whether so much may be spent. A clock that stands more than a day before a window knows nothing of what was spent since.
CREATE FUNCTION allows(l limits, gone numeric, cost numeric, at_us bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS
    'SELECT l.amount + l.topped_up - l.spent - l.held + gone >= cost AND at_us >= l.window_start_us - 86400000000';

-- When something happened that is recorded at at_us; NULL for now, and for the future.
CREATE FUNCTION before_now(happened_us bigint, at_us bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
    'SELECT CASE WHEN happened_us < at_us THEN happened_us END';

-- Whether what happened then belongs to a limit's current generation (ledger/windows.py).
CREATE FUNCTION is_in_generation(l limits, happened_us bigint, at_us bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS
    'SELECT happened_us IS NULL OR happened_us >= l.generation_start_us OR at_us < l.generation_start_us';

-- Whether those below in a chain stood under each other by then.
CREATE FUNCTION stood_there(of_project bigint, below bigint[], happened_us bigint) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT happened_us IS NULL OR NOT EXISTS (
        SELECT FROM accounts acc
        WHERE acc.project = of_project AND acc.account = ANY (below) AND acc.parent_since_us > happened_us)
$$;

-- The limits of a chain, and how they stand with a cost when those in freed let go of held_amount at the same time. counts
-- is NULL when nobody has matched the model's names with their pattern before; gone is what they hold that has expired.
-- happened_us is when the cost was, NULL for now.
CREATE FUNCTION limits_above(
    of_project bigint, chain bigint[], at_us bigint, of_model text, cost numeric, freed bigint[], held_amount numeric,
    happened_us bigint
) RETURNS TABLE (
    limit_id bigint, generation bigint, models text, is_due boolean, counts boolean, gone numeric, is_allowed boolean,
    standing json
) LANGUAGE sql STABLE AS $$
    SELECT
        (c.l).limit_id, (c.l).generation, (c.l).models, is_due(c.l, at_us), c.counts, c.gone, allows(c.l, c.gone, cost, at_us),
        standing(c.owner, c.l, (c.l).spent + CASE WHEN c.counts THEN cost ELSE 0 END,
            c.gone + CASE WHEN (c.l).limit_id = ANY (freed) THEN held_amount ELSE 0 END)
    FROM (
        SELECT l,
            (SELECT acc.name FROM accounts acc WHERE acc.project = l.project AND acc.account = l.account) AS owner,
            CASE
                WHEN l.limit_id = ANY (freed) THEN true
                WHEN happened_us IS NOT NULL AND NOT (is_in_generation(l, happened_us, at_us) AND (
                    place.account IS NOT DISTINCT FROM (SELECT c.account FROM cap_of(of_project) c)
                    OR stood_there(of_project, chain[1:place.level::int - 1], happened_us))) THEN false
                WHEN l.models IS NULL THEN true
                WHEN of_model IS NULL THEN false
                ELSE (
                    SELECT m.matches FROM model_matches m
                    WHERE m.project = l.project AND m.key = match_key(l.models, of_model))
            END AS counts,
            CASE WHEN l.held = 0 THEN 0 ELSE (
                SELECT COALESCE(SUM(p.amount), 0) FROM hold_postings p
                WHERE p.project = l.project AND p.limit_id = l.limit_id AND p.expires_us <= at_us) END AS gone
        FROM unnest(chain) WITH ORDINALITY AS place (account, level)
        JOIN limits l ON l.project = of_project AND l.account = place.account AND l.deleted_us = 0
        ORDER BY place.level, l.limit_id
    ) c
$$;

-- What the current generation of a user's primary limit has spent by model.
CREATE FUNCTION spent_by_model(of_project bigint, of_account bigint) RETURNS TABLE (models json)
LANGUAGE sql STABLE AS $$
    SELECT json_object_agg(m.name, t.spent) FROM limits l
    JOIN model_totals t ON t.project = l.project AND t.limit_id = l.limit_id AND t.generation = l.generation
    JOIN models m ON m.project = t.project AND m.model = t.model
    WHERE l.project = of_project AND l.account = of_account AND l.name = 'total' AND l.deleted_us = 0
$$;

-- Which of the limits of a chain count a cost, and how all of them stand with it. slow is the answer when that is not
-- known: a window or a top-up has passed, or nobody has matched the model with a pattern before. members names the posting
-- set, whose key, like that of the model, is NULL if it has none yet.
CREATE FUNCTION counting_any(
    of_project bigint, chain bigint[], names text[], at_us bigint, of_model text, cost numeric,
    freed bigint[], held_amount numeric, happened_us bigint
) RETURNS TABLE (
    slow json, counted bigint[], members text, any_expired boolean, is_allowed boolean, standings json,
    posting_set bigint, model bigint
) LANGUAGE sql STABLE AS $$
    SELECT c.slow, c.counted, c.members, c.any_expired, c.is_allowed, c.standings, s.posting_set, m.model
    FROM (
        SELECT
            CASE
                WHEN bool_or(l.is_due) THEN slowly(names[1])
                WHEN bool_or(l.counts IS NULL) THEN json_build_object(
                    'what', 'unmatched', 'names', of_model, 'patterns', array_agg(l.models))
            END AS slow,
            COALESCE(array_agg(l.limit_id) FILTER (WHERE l.counts), '{}') AS counted,
            string_agg(l.limit_id || ':' || l.generation, ',') FILTER (WHERE l.counts) AS members,
            bool_or(l.gone > 0) AS any_expired,
            bool_and(l.is_allowed) FILTER (WHERE l.counts) AS is_allowed,
            json_agg(l.standing) AS standings
        FROM limits_above(of_project, chain, at_us, of_model, cost, freed, held_amount, happened_us) l
    ) c
    LEFT JOIN posting_sets s ON s.project = of_project AND s.members = c.members
    LEFT JOIN models m ON m.project = of_project AND m.name = model_of(of_model)
$$;

-- The same in half the time for limits of all models in which nothing else is set aside, and a cost that counts in all of
-- them; else is_plain is false.
CREATE FUNCTION counting(
    of_project bigint, chain bigint[], names text[], at_us bigint, of_model text, cost numeric,
    freed bigint[], held_amount numeric, happened_us bigint
) RETURNS TABLE (
    slow json, counted bigint[], members text, any_expired boolean, is_allowed boolean, standings json,
    posting_set bigint, model bigint, is_plain boolean
) LANGUAGE sql STABLE AS $$
    SELECT c.slow, c.counted, c.members, false, c.is_allowed, c.standings, s.posting_set, m.model, c.is_plain
    FROM (
        SELECT
            CASE WHEN bool_or(o.is_due) THEN slowly(names[1]) END AS slow,
            array_agg(o.limit_id) AS counted,
            string_agg(o.member, ',') AS members,
            bool_and(o.is_allowed) AS is_allowed,
            json_agg(o.standing) AS standings,
            bool_and(o.is_plain) AND stood_there(of_project, chain, happened_us) AS is_plain
        FROM (
            SELECT l.limit_id, l.limit_id || ':' || l.generation AS member, is_due(l, at_us) AS is_due,
                allows(l, 0, cost, at_us) AS is_allowed,
                standing(names[array_position(chain, l.account)], l, l.spent + cost, l.held) AS standing,
                l.models IS NULL AND l.held = CASE WHEN l.limit_id = ANY (freed) THEN held_amount ELSE 0 END
                    AND is_in_generation(l, happened_us, at_us) AS is_plain
            FROM limits l WHERE l.project = of_project AND l.account = ANY (chain) AND l.deleted_us = 0
            ORDER BY array_position(chain, l.account), l.limit_id
        ) o
    ) c
    LEFT JOIN posting_sets s ON s.project = of_project AND s.members = c.members
    LEFT JOIN models m ON m.project = of_project AND m.name = model_of(of_model)
$$;

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
    IF of_members IS NULL THEN -- of something that counts nowhere
        RETURN NULL;
    END IF;
    SELECT s.posting_set INTO found_key FROM posting_sets s WHERE s.project = of_project AND s.members = of_members;
    IF NOT FOUND THEN -- a set is of one user's limits, whose row is locked: nobody else makes it
        INSERT INTO posting_sets (project, members) VALUES (of_project, of_members) RETURNING posting_set INTO found_key;
        INSERT INTO postings (project, posting_set, limit_id, generation)
            SELECT of_project, found_key, split_part(pair, ':', 1)::bigint, split_part(pair, ':', 2)::bigint
            FROM unnest(string_to_array(of_members, ',')) AS pair;
    END IF;
    RETURN found_key;
END $$;

-- Names the call of an entry. Sorted, so that two who name the same calls wait for each other in turn; who comes second has
-- a violation, after which a client tries again.
CREATE FUNCTION identify(of_project bigint, of_account bigint, of_number bigint, call_ids text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO identities (project, digest, account, number, is_first)
        SELECT of_project, i.digest, of_account, of_number, (i.place = 1)::int
        FROM unnest(string_to_array(call_ids, ',')::bytea[]) WITH ORDINALITY AS i (digest, place) ORDER BY i.digest;
END $$;

-- What a hold counts against: the limits, and whose those are.
CREATE FUNCTION held_in(of_project bigint, of_hold bigint) RETURNS TABLE (freed bigint[], owners bigint[])
LANGUAGE sql STABLE AS $$
    SELECT COALESCE(array_agg(p.limit_id), '{}'), COALESCE(array_agg(l.account), '{}')
    FROM hold_postings p JOIN limits l ON l.project = p.project AND l.limit_id = p.limit_id
    WHERE p.project = of_project AND p.hold = of_hold
$$;

-- A hold by its name, with whose it is and what it counts against.
CREATE FUNCTION hold_named(of_project bigint, hold_name text) RETURNS TABLE (
    hold bigint, account bigint, of_user text, of_model text, amount numeric, is_open boolean, note text,
    created_us bigint, expires_us bigint, freed bigint[], owners bigint[]
) LANGUAGE sql STABLE AS $$
    SELECT o.hold, o.account, acc.name, (SELECT m.name FROM models m WHERE m.project = o.project AND m.model = o.model),
        o.amount, o.state = 'open', o.note, o.created_us, o.expires_us, p.freed, p.owners
    FROM holds o
    JOIN accounts acc ON acc.project = o.project AND acc.account = o.account
    CROSS JOIN LATERAL held_in(of_project, o.hold) p
    WHERE o.project = of_project AND o.name = hold_name
$$;

-- Raises serialization_failure, after which a client tries again, if somebody has resolved it before it was locked.
CREATE FUNCTION resolve(of_project bigint, of_hold bigint, at_us bigint, new_state text, of_number bigint)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    WITH gone AS (
        DELETE FROM hold_postings p WHERE p.project = of_project AND p.hold = of_hold
    )
    UPDATE holds o SET state = new_state, number = of_number, resolved_us = at_us
        WHERE o.project = of_project AND o.hold = of_hold AND o.state = 'open';
    IF NOT FOUND THEN
        RAISE serialization_failure USING MESSAGE = 'the hold was resolved at the same time';
    END IF;
    RETURN true;
END $$;

-- Frees the money of expired holds.
CREATE FUNCTION sweep(of_project bigint, chain bigint[], until_us bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH gone AS (
        DELETE FROM hold_postings p USING limits l
        WHERE l.project = of_project AND l.account = ANY (chain) AND l.deleted_us = 0
            AND p.project = l.project AND p.limit_id = l.limit_id AND p.expires_us <= until_us
        RETURNING p.limit_id, p.hold, p.amount
    ), ended AS ( -- and they stay so, should the clock go back
        UPDATE holds o SET state = 'expired'
        WHERE o.project = of_project AND o.hold IN (SELECT g.hold FROM gone g) AND o.state = 'open'
    )
    UPDATE limits l SET held = l.held - s.amount
    FROM (SELECT g.limit_id, SUM(g.amount) AS amount FROM gone g GROUP BY g.limit_id) s
    WHERE l.project = of_project AND l.limit_id = s.limit_id;
END $$;

-- What follows answers with a JSON object, whose 'what' says what has been done: 'charged', 'held', 'released'; 'denied',
-- with what stands; or, and then nothing was changed, 'unmatched' or 'slow'. The caller shares the project, which gives it
-- the time. The names of parameters are those of what lists have in their requests (perform).

-- Records a cost: of a user, or by the commit of an open hold. tokens are those of the usage, in the order of their columns;
-- call_ids the digests of the call's identities, as text between commas.
CREATE FUNCTION charge(
    of_project bigint, at_us bigint, of_user text, hold_name text, cost numeric, of_model text,
    key_kind text, key_digest bytea, key_request bytea, usage text, pricing text, note text,
    happened_us bigint, tokens bigint[], call_ids text, caller_key text
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    hold record;
    own record;
    counts record;
    chain bigint[];
    names text[];
    of_hold bigint;
    freed bigint[] := '{}';
    held_amount numeric := 0;
    answer json;
BEGIN
    happened_us := before_now(happened_us, at_us);
    IF hold_name IS NOT NULL THEN -- before the lock: but for its state, at which resolve() looks again, it does not change
        SELECT * INTO hold FROM hold_named(of_project, hold_name);
        of_user := hold.of_user;
        of_model := NULLIF(concat_ws(E'\n', hold.of_model, of_model), '');
        of_hold := hold.hold;
        freed := hold.freed;
        held_amount := hold.amount;
    END IF;
    SELECT acc.account, acc.parent, acc.last_number + 1 AS number, acc.created_us, acc.updated_us, acc.extra, c.account AS cap INTO own
        FROM accounts acc LEFT JOIN cap_of(of_project) c ON true
        WHERE acc.project = of_project AND acc.name = of_user AND acc.deleted_us = 0 FOR NO KEY UPDATE OF acc;
    IF NOT FOUND OR is_doubtful(own.updated_us, at_us) THEN
        RETURN slowly(of_user);
    END IF;
    chain := ARRAY[own.account];
    names := ARRAY[of_user];
    IF own.parent IS NOT NULL OR own.cap <> own.account THEN
        SELECT * INTO chain, names FROM lock_above(of_project, own.account, of_user, own.parent, own.cap);
    END IF;
    IF hold_name IS NOT NULL THEN
        IF hold.account <> own.account OR NOT hold.owners <@ chain THEN -- somebody else has the name by now, or it has moved
            RETURN slowly(NULL);
        ELSIF NOT hold.is_open OR hold.expires_us <= at_us THEN
            RETURN slowly(of_user);
        END IF;
    END IF;
    SELECT * INTO counts FROM counting(of_project, chain, names, at_us, of_model, cost, freed, held_amount, happened_us);
    IF NOT counts.is_plain THEN
        SELECT * INTO counts
            FROM counting_any(of_project, chain, names, at_us, of_model, cost, freed, held_amount, happened_us);
    END IF;
    IF counts.slow IS NOT NULL THEN
        RETURN counts.slow;
    ELSIF call_ids IS NOT NULL AND EXISTS (
        SELECT FROM identities i WHERE i.project = of_project AND i.digest = ANY (string_to_array(call_ids, ',')::bytea[])
    ) THEN
        RETURN slowly(of_user);
    END IF;
    INSERT INTO idempotency_keys (project, account, kind, digest, request, number)
        VALUES (of_project, own.account, key_kind, key_digest, key_request, own.number) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN slowly(of_user);
    END IF;
    IF counts.posting_set IS NULL THEN
        counts.posting_set := posting_set_key(of_project, counts.members);
    END IF;
    IF counts.model IS NULL THEN
        counts.model := model_key(of_project, model_of(of_model));
    END IF;
    IF call_ids IS NOT NULL THEN
        PERFORM identify(of_project, own.account, own.number, call_ids);
    END IF;
    WITH entry AS (
        INSERT INTO entries (project, account, number, kind, at_us, recorded_us, amount, model, posting_set, usage, pricing,
            note, caller_key, hold, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens)
        VALUES (of_project, own.account, own.number, 'spend', COALESCE(happened_us, at_us),
            CASE WHEN happened_us IS NOT NULL THEN at_us END, cost, counts.model, counts.posting_set, usage, pricing,
            note, caller_key, of_hold,
            tokens[1], tokens[2], tokens[3], tokens[4], tokens[5])
    ), totals AS (
        INSERT INTO model_totals AS t (project, limit_id, generation, model, spent)
        SELECT l.project, l.limit_id, l.generation, COALESCE(counts.model, 0), cost FROM limits l
        WHERE l.project = of_project AND l.limit_id = ANY (counts.counted) AND l.name = 'total'
        ON CONFLICT (project, limit_id, generation, model) DO UPDATE SET spent = t.spent + excluded.spent
    ), owners AS (
        UPDATE accounts acc
        SET last_number = CASE WHEN acc.account = own.account THEN own.number ELSE acc.last_number END, updated_us = at_us
        WHERE acc.project = of_project AND acc.account = ANY (chain)
    )
    UPDATE limits l
    SET spent = l.spent + CASE WHEN l.limit_id = ANY (counts.counted) THEN cost ELSE 0 END,
        held = l.held - CASE WHEN l.limit_id = ANY (freed) THEN held_amount ELSE 0 END
    WHERE l.project = of_project AND l.limit_id = ANY (counts.counted || freed);
    IF hold_name IS NOT NULL THEN
        PERFORM resolve(of_project, hold.hold, at_us, 'committed', own.number);
    END IF;
    SELECT json_build_object('what', 'charged', 'user', of_user, 'number', own.number, 'at_us', at_us,
            'model', model_of(of_model), 'budget', json_build_object(
                'created_us', own.created_us, 'updated_us', at_us, 'extra', own.extra,
                'parent', CASE WHEN own.parent IS NOT NULL THEN names[2] END,
                'standings', counts.standings, 'models', t.models))
        INTO answer FROM spent_by_model(of_project, own.account) t;
    RETURN answer;
END $$;

-- The least that any of these limits has left, but for what is held in it by holds that have expired.
CREATE FUNCTION least_left(of_project bigint, of_limits bigint[], at_us bigint) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT MIN(l.amount + l.topped_up - l.spent - l.held + CASE WHEN l.held = 0 THEN 0 ELSE (
        SELECT COALESCE(SUM(p.amount), 0) FROM hold_postings p
        WHERE p.project = l.project AND p.limit_id = l.limit_id AND p.expires_us <= at_us) END)
    FROM limits l WHERE l.project = of_project AND l.limit_id = ANY (of_limits)
$$;

-- When holds that a cost would need gone have expired, and how many count now, by each of the limits that lack it.
CREATE FUNCTION freeing(of_project bigint, of_limits bigint[], cost numeric, at_us bigint) RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT json_object_agg(s.limit_id, json_build_array((
            SELECT p.expires_us
            FROM ( -- what has expired and is yet to be swept comes first
                SELECT p.expires_us, SUM(p.amount) OVER (ORDER BY p.expires_us, p.hold) AS freed FROM hold_postings p
                WHERE p.project = of_project AND p.limit_id = s.limit_id
            ) p
            WHERE p.freed >= s.short ORDER BY p.expires_us LIMIT 1
        ), (
            SELECT COUNT(*) FROM hold_postings p
            WHERE p.project = of_project AND p.limit_id = s.limit_id AND p.expires_us > at_us
        )))
    FROM (
        SELECT l.limit_id, cost - (l.amount + l.topped_up - l.spent - l.held) AS short FROM limits l
        WHERE l.project = of_project AND l.limit_id = ANY (of_limits)
    ) s
    WHERE s.short > 0
$$;

-- Sets money aside: the cost, or with at_least as much as is left, up to the cost.
CREATE FUNCTION reserve(
    of_project bigint, at_us bigint, of_user text, hold_name text, cost numeric, of_model text, ttl_us bigint, note text,
    at_least numeric DEFAULT NULL
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    own record;
    counts record;
    chain bigint[];
    names text[];
    made bigint;
    at_most numeric;
    answer json;
BEGIN
    IF at_least IS NOT NULL THEN -- that is what has to be there
        at_most := cost;
        cost := GREATEST(at_least, 1);
    END IF;
    SELECT acc.account, acc.parent, acc.updated_us, c.account AS cap INTO own
        FROM accounts acc LEFT JOIN cap_of(of_project) c ON true
        WHERE acc.project = of_project AND acc.name = of_user AND acc.deleted_us = 0 FOR NO KEY UPDATE OF acc;
    IF NOT FOUND OR is_doubtful(own.updated_us, at_us) THEN
        RETURN slowly(of_user);
    END IF;
    chain := ARRAY[own.account];
    names := ARRAY[of_user];
    IF own.parent IS NOT NULL OR own.cap <> own.account THEN
        SELECT * INTO chain, names FROM lock_above(of_project, own.account, of_user, own.parent, own.cap);
    END IF;
    SELECT c.slow, c.counted, c.any_expired, c.is_allowed, c.model, c.is_plain INTO counts
        FROM counting(of_project, chain, names, at_us, of_model, cost, '{}', 0, NULL) c;
    IF NOT counts.is_plain THEN
        SELECT c.slow, c.counted, c.any_expired, c.is_allowed, c.model INTO counts
            FROM counting_any(of_project, chain, names, at_us, of_model, cost, '{}', 0, NULL) c;
    END IF;
    IF counts.slow IS NOT NULL THEN
        RETURN counts.slow;
    END IF;
    IF NOT counts.is_allowed THEN
        IF EXISTS (SELECT FROM holds o WHERE o.project = of_project AND o.name = hold_name) THEN -- allowed before
            RETURN slowly(of_user);
        END IF;
        SELECT json_build_object('what', 'denied', 'at_us', at_us, 'standings', c.standings,
                'freeing', freeing(of_project, counts.counted, cost, at_us)) INTO answer
            FROM counting_any(of_project, chain, names, at_us, of_model, 0, '{}', 0, NULL) c;
        RETURN answer;
    END IF;
    IF at_least IS NOT NULL THEN
        cost := LEAST(at_most, least_left(of_project, counts.counted, at_us));
    END IF;
    IF counts.model IS NULL THEN
        counts.model := model_key(of_project, model_of(of_model));
    END IF;
    INSERT INTO holds (project, name, account, amount, model, state, note, created_us, expires_us, at_most, at_least)
        VALUES (of_project, hold_name, own.account, cost, counts.model, 'open', note, at_us, at_us + ttl_us, at_most,
            at_least)
        ON CONFLICT DO NOTHING RETURNING hold INTO made;
    IF NOT FOUND THEN
        RETURN slowly(of_user);
    END IF;
    IF counts.any_expired THEN
        PERFORM sweep(of_project, chain, at_us);
    END IF;
    WITH postings AS (
        INSERT INTO hold_postings (project, limit_id, expires_us, hold, amount)
        SELECT of_project, c.limit_id, at_us + ttl_us, made, cost FROM unnest(counts.counted) AS c (limit_id)
    ), owners AS (
        UPDATE accounts acc SET updated_us = at_us WHERE acc.project = of_project AND acc.account = ANY (chain)
    )
    UPDATE limits l SET held = l.held + cost WHERE l.project = of_project AND l.limit_id = ANY (counts.counted);
    RETURN json_build_object('what', 'held', 'at_us', at_us, 'expires_us', at_us + ttl_us, 'amount', cost);
END $$;

-- Lets go of what was set aside.
CREATE FUNCTION release(of_project bigint, at_us bigint, hold_name text) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    hold record;
    chain bigint[];
    slow json;
BEGIN
    SELECT * INTO hold FROM hold_named(of_project, hold_name); -- before the lock, as in charge()
    chain := lock_chain(of_project, hold.of_user);
    IF (hold.account = chain[1] AND hold.owners <@ chain) IS NOT TRUE THEN
        RETURN slowly(NULL);
    END IF;
    SELECT c.slow INTO slow FROM counting(of_project, chain, ARRAY[hold.of_user], at_us, NULL, 0, '{}', 0, NULL) c;
    IF slow IS NOT NULL OR NOT hold.is_open OR hold.expires_us <= at_us THEN
        RETURN slowly(hold.of_user);
    END IF;
    UPDATE limits l SET held = l.held - hold.amount WHERE l.project = of_project AND l.limit_id = ANY (hold.freed);
    UPDATE accounts acc SET updated_us = at_us WHERE acc.project = of_project AND acc.account = ANY (chain);
    PERFORM resolve(of_project, hold.hold, at_us, 'released', NULL);
    RETURN json_build_object('what', 'released', 'at_us', at_us, 'user', hold.of_user, 'amount', hold.amount,
        'created_us', hold.created_us, 'expires_us', hold.expires_us, 'model', hold.of_model, 'note', hold.note);
END $$;

-- What check() looks at, with the time, and when the user's row was last written; without limits for an unknown user.
CREATE FUNCTION look(of_project bigint, now_us bigint, of_user text) RETURNS json LANGUAGE plpgsql STABLE AS $$
DECLARE
    at_us bigint := COALESCE(now_us, clock_us());
    chain bigint[];
    updated_us bigint;
BEGIN
    SELECT chain_of(of_project, acc.account, acc.parent, c.account), acc.updated_us INTO chain, updated_us
        FROM accounts acc LEFT JOIN cap_of(of_project) c ON true
        WHERE acc.project = of_project AND acc.name = of_user AND acc.deleted_us = 0;
    RETURN json_build_object('at_us', at_us, 'updated_us', updated_us, 'standings', (
        SELECT c.standings FROM counting_any(of_project, chain, ARRAY[of_user], at_us, NULL, 0, '{}', 0, NULL) c));
END $$;
