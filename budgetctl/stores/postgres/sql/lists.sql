-- Lists of requests, each of which is done or not by itself. They are in runs of one kind; a run that has nothing unusual
-- in it is done in a handful of statements, as each costs about as much as its work for ten requests.
--
-- All rows of accounts are locked before a list is begun.

-- A request of a list, while it is done in a run of its kind. number is what its entry gets, is_first says that the user has
-- none before it in the run; hold, freed and held_amount are of the hold that it commits.
CREATE TYPE listed AS (
    place bigint, asked jsonb, account bigint, chain bigint[], number bigint, is_first boolean, cost numeric, of_model text,
    counted bigint[], members text, posting_set bigint, model bigint,
    hold bigint, freed bigint[], held_amount numeric
);

-- For its limit, the planner takes it for one row: so it goes through these and looks for the rest by an index, also where
-- the table had so few rows when it planned that to read them all seemed as good.
CREATE FUNCTION each_of(requests listed[]) RETURNS SETOF listed LANGUAGE sql IMMUTABLE AS
    'SELECT * FROM unnest(requests) LIMIT cardinality(requests)';

-- Charges, or holds to be made; NULL if one is of an unknown user, or slow.
CREATE FUNCTION listed(of_project bigint, at_us bigint, run jsonb, cap bigint) RETURNS listed[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT CASE
            WHEN bool_and((r.acc).account IS NOT NULL AND NOT is_doubtful((r.acc).updated_us, at_us) AND c.slow IS NULL)
            THEN array_agg(
            ROW(r.place, r.asked, (r.acc).account, r.chain, (r.acc).last_number + r.nth, r.nth = 1, (r.asked ->> 'cost')::numeric,
                r.asked ->> 'of_model', c.counted, c.members, c.posting_set, c.model, NULL, '{}', 0)::listed
            ORDER BY r.place) END
        FROM (
            SELECT a.place, a.asked, acc, chain_of(of_project, acc.account, acc.parent, cap) AS chain,
                row_number() OVER (PARTITION BY acc.account ORDER BY a.place) AS nth
            FROM jsonb_array_elements(run) WITH ORDINALITY AS a (asked, place)
            LEFT JOIN accounts acc ON acc.project = of_project AND acc.name = a.asked ->> 'of_user' AND acc.deleted_us = 0
        ) r
        CROSS JOIN LATERAL counting_any(of_project, r.chain, NULL, at_us, r.asked ->> 'of_model', 0, '{}', 0,
            before_now((r.asked ->> 'happened_us')::bigint, at_us)) c);
END $$;

-- Commits; NULL if one is not of an open hold that concerns nobody but the user and those above, or twice there, or slow.
CREATE FUNCTION listed_commits(of_project bigint, at_us bigint, run jsonb, cap bigint) RETURNS listed[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT CASE WHEN bool_and(r.is_open AND p.owners <@ r.chain AND c.slow IS NULL) AND COUNT(DISTINCT r.hold) = COUNT(*)
            THEN array_agg(
                ROW(r.place, r.asked, (r.acc).account, r.chain, (r.acc).last_number + r.nth, r.nth = 1, (r.asked ->> 'cost')::numeric,
                    r.of_model, c.counted, c.members, c.posting_set, c.model,
                    r.hold, p.freed, r.held_amount)::listed
                ORDER BY r.place) END
        FROM (
            SELECT a.place, a.asked, acc, chain_of(of_project, acc.account, acc.parent, cap) AS chain,
                NULLIF(concat_ws(E'\n', (
                    SELECT m.name FROM models m WHERE m.project = o.project AND m.model = o.model),
                    a.asked ->> 'of_model'), '') AS of_model,
                o.hold, o.amount AS held_amount,
                COALESCE(o.state = 'open' AND o.expires_us > at_us AND acc.deleted_us = 0, false) AS is_open,
                row_number() OVER (PARTITION BY acc.account ORDER BY a.place) AS nth
            FROM jsonb_array_elements(run) WITH ORDINALITY AS a (asked, place)
            LEFT JOIN holds o ON o.project = of_project AND o.name = a.asked ->> 'hold_name'
            LEFT JOIN accounts acc ON acc.project = of_project AND acc.account = o.account
        ) r
        CROSS JOIN LATERAL held_in(of_project, r.hold) p
        CROSS JOIN LATERAL counting_any(of_project, r.chain, NULL, at_us, r.of_model, 0, p.freed, 0,
            before_now((r.asked ->> 'happened_us')::bigint, at_us)) c);
END $$;

-- Charges, or commits: each counter is written once. How a budget stands is said once, after all of them, with the first
-- charge of its user. None is answered, and none done, if the key of one is not new. That is looked for: where a violation
-- were caught, what follows would be in a subtransaction, which makes a multixact of each row that was locked before it.
CREATE FUNCTION post_all(of_project bigint, at_us bigint, charges listed[]) RETURNS SETOF json LANGUAGE plpgsql AS $$
BEGIN
    IF (
        SELECT bool_or(k.number IS NOT NULL) OR COUNT(DISTINCT int8send(c.account) || (c.asked ->> 'key_digest')::bytea) < COUNT(*)
        FROM each_of(charges) c
        LEFT JOIN idempotency_keys k ON k.project = of_project AND k.account = c.account
            AND k.kind = c.asked ->> 'key_kind' AND k.digest = (c.asked ->> 'key_digest')::bytea
    ) OR (
        SELECT bool_or(i.number IS NOT NULL) OR COUNT(DISTINCT n.digest) < COUNT(*)
        FROM each_of(charges) c CROSS JOIN unnest(string_to_array(c.asked ->> 'call_ids', ',')::bytea[]) AS n (digest)
        LEFT JOIN identities i ON i.project = of_project AND i.digest = n.digest
    ) THEN
        RETURN;
    END IF;
    WITH c AS MATERIALIZED (
        SELECT * FROM each_of(charges)
    ), keys AS (
        INSERT INTO idempotency_keys (project, account, kind, digest, request, number)
        SELECT of_project, c.account, c.asked ->> 'key_kind', (c.asked ->> 'key_digest')::bytea,
            (c.asked ->> 'key_request')::bytea, c.number
        FROM c
    ), named AS ( -- sorted, as in identify()
        INSERT INTO identities (project, digest, account, number, is_first)
        SELECT of_project, n.digest, c.account, c.number, (n.place = 1)::int
        FROM c CROSS JOIN unnest(string_to_array(c.asked ->> 'call_ids', ',')::bytea[]) WITH ORDINALITY AS n (digest, place)
        ORDER BY n.digest
    ), made AS (
        INSERT INTO entries (project, account, number, kind, at_us, recorded_us, amount, model, posting_set, usage, pricing,
            note, caller_key, hold, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens)
        SELECT of_project, c.account, c.number, 'spend', COALESCE(w.happened_us, at_us),
            CASE WHEN w.happened_us IS NOT NULL THEN at_us END, c.cost, c.model,
            COALESCE(c.posting_set, posting_set_key(of_project, c.members)),
            c.asked ->> 'usage', c.asked ->> 'pricing', c.asked ->> 'note', c.asked ->> 'caller_key', c.hold,
            w.tokens[1], w.tokens[2], w.tokens[3], w.tokens[4], w.tokens[5]
        FROM c CROSS JOIN LATERAL (
            SELECT before_now((c.asked ->> 'happened_us')::bigint, at_us), (c.asked ->> 'tokens')::bigint[]
        ) w (happened_us, tokens)
    ), totals AS (
        INSERT INTO model_totals AS t (project, limit_id, generation, model, spent)
        SELECT l.project, l.limit_id, l.generation, COALESCE(c.model, 0), SUM(c.cost)
        FROM c CROSS JOIN unnest(c.counted) AS n (limit_id)
        JOIN limits l ON l.project = of_project AND l.limit_id = n.limit_id AND l.name = 'total'
        GROUP BY l.project, l.limit_id, l.generation, COALESCE(c.model, 0)
        ON CONFLICT (project, limit_id, generation, model) DO UPDATE SET spent = t.spent + excluded.spent
    ), owners AS (
        UPDATE accounts acc SET last_number = acc.last_number + s.entries, updated_us = at_us
        FROM (
            SELECT p.account, COUNT(*) FILTER (WHERE p.level = 1) AS entries
            FROM c CROSS JOIN unnest(c.chain) WITH ORDINALITY AS p (account, level) GROUP BY p.account
        ) s
        WHERE acc.project = of_project AND acc.account = s.account
    ), gone AS (
        DELETE FROM hold_postings p USING c WHERE c.hold IS NOT NULL AND p.project = of_project AND p.hold = c.hold
    ), resolved AS (
        UPDATE holds o SET state = 'committed', number = c.number, resolved_us = at_us FROM c
        WHERE c.hold IS NOT NULL AND o.project = of_project AND o.hold = c.hold
    )
    UPDATE limits l SET spent = l.spent + s.spent, held = l.held - s.freed
    FROM (
        SELECT n.limit_id, SUM(n.spent) AS spent, SUM(n.freed) AS freed
        FROM c CROSS JOIN LATERAL (
            SELECT limit_id, c.cost, 0 FROM unnest(c.counted) AS limit_id
            UNION ALL
            SELECT limit_id, 0, c.held_amount FROM unnest(c.freed) AS limit_id
        ) n (limit_id, spent, freed)
        GROUP BY n.limit_id
    ) s
    WHERE l.project = of_project AND l.limit_id = s.limit_id;
    RETURN QUERY
        SELECT CASE
            WHEN NOT c.is_first THEN json_build_object('what', 'charged', 'user', acc.name, 'number', c.number, 'at_us', at_us,
                'model', model_of(c.of_model))
            ELSE json_build_object('what', 'charged', 'user', acc.name, 'number', c.number, 'at_us', at_us,
                'model', model_of(c.of_model), 'budget', json_build_object(
                    'created_us', acc.created_us, 'updated_us', at_us, 'extra', acc.extra,
                    'parent', (SELECT p.name FROM accounts p WHERE p.project = acc.project AND p.account = acc.parent),
                    'standings', (
                        SELECT json_agg(l.standing)
                        FROM limits_above(of_project, c.chain, at_us, NULL, 0, '{}', 0, NULL) l),
                    'models', (SELECT t.models FROM spent_by_model(of_project, c.account) t))) END
        FROM each_of(charges) c JOIN accounts acc ON acc.project = of_project AND acc.account = c.account
        ORDER BY c.place;
END $$;

-- What is left of each limit is more than all of them want together.
CREATE FUNCTION fit(of_project bigint, at_us bigint, holds listed[]) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT bool_and(l.amount + l.topped_up - l.spent - l.held >= s.wanted AND at_us >= l.window_start_us - 86400000000
            AND (l.held = 0 OR NOT EXISTS (
                SELECT FROM hold_postings p
                WHERE p.project = l.project AND p.limit_id = l.limit_id AND p.expires_us <= at_us)))
        FROM (
            SELECT c.limit_id, SUM(h.cost) AS wanted FROM each_of(holds) h CROSS JOIN unnest(h.counted) AS c (limit_id)
            GROUP BY c.limit_id
        ) s
        JOIN limits l ON l.project = of_project AND l.limit_id = s.limit_id);
END $$;

-- Holds. None is made if that has to be decided one by one, or the name of one is not new. Should somebody else take it
-- in the meantime, it is a violation, after which a client tries again.
CREATE FUNCTION reserve_all(of_project bigint, at_us bigint, asked listed[]) RETURNS SETOF json LANGUAGE plpgsql AS $$
BEGIN
    IF (
        SELECT bool_or(o.hold IS NOT NULL) OR COUNT(DISTINCT (m.asked ->> 'hold_name') COLLATE "C") < COUNT(*)
        FROM each_of(asked) m LEFT JOIN holds o ON o.project = of_project AND o.name = m.asked ->> 'hold_name'
    ) OR NOT fit(of_project, at_us, asked) THEN
        RETURN;
    END IF;
    WITH m AS MATERIALIZED (
        SELECT nextval('holds_hold_seq') AS key, at_us + (r.asked ->> 'ttl_us')::bigint AS expires_us, r.*
        FROM each_of(asked) r
    ), made AS (
        INSERT INTO holds (project, hold, name, account, amount, model, state, note, created_us, expires_us)
        SELECT of_project, m.key, m.asked ->> 'hold_name', m.account, m.cost, m.model, 'open', m.asked ->> 'note',
            at_us, m.expires_us
        FROM m
    ), postings AS (
        INSERT INTO hold_postings (project, limit_id, expires_us, hold, amount)
        SELECT of_project, c.limit_id, m.expires_us, m.key, m.cost FROM m CROSS JOIN unnest(m.counted) AS c (limit_id)
    ), owners AS (
        UPDATE accounts acc SET updated_us = at_us
        FROM (SELECT DISTINCT p.account FROM m CROSS JOIN unnest(m.chain) AS p (account)) s
        WHERE acc.project = of_project AND acc.account = s.account
    )
    UPDATE limits l SET held = l.held + s.wanted
    FROM (
        SELECT c.limit_id, SUM(m.cost) AS wanted FROM m CROSS JOIN unnest(m.counted) AS c (limit_id) GROUP BY c.limit_id
    ) s
    WHERE l.project = of_project AND l.limit_id = s.limit_id;
    RETURN QUERY SELECT json_build_object(
        'what', 'held', 'at_us', at_us, 'expires_us', at_us + (m.asked ->> 'ttl_us')::bigint) FROM each_of(asked) m;
END $$;

-- One request of the list that apply() takes: what to do, and by their names the arguments of the function that does it.
CREATE FUNCTION perform(of_project bigint, at_us bigint, asked jsonb) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
    CASE asked ->> 'what'
        WHEN 'charge', 'commit' THEN
            RETURN charge(of_project => of_project, at_us => at_us, of_user => asked ->> 'of_user',
                hold_name => asked ->> 'hold_name', cost => (asked ->> 'cost')::numeric, of_model => asked ->> 'of_model',
                key_kind => asked ->> 'key_kind', key_digest => (asked ->> 'key_digest')::bytea,
                key_request => (asked ->> 'key_request')::bytea, usage => asked ->> 'usage',
                pricing => asked ->> 'pricing', note => asked ->> 'note',
                happened_us => (asked ->> 'happened_us')::bigint, tokens => (asked ->> 'tokens')::bigint[],
                call_ids => asked ->> 'call_ids', caller_key => asked ->> 'caller_key');
        WHEN 'reserve', 'reserve part' THEN
            RETURN reserve(of_project => of_project, at_us => at_us, of_user => asked ->> 'of_user',
                hold_name => asked ->> 'hold_name', cost => (asked ->> 'cost')::numeric, of_model => asked ->> 'of_model',
                ttl_us => (asked ->> 'ttl_us')::bigint, note => asked ->> 'note',
                at_least => (asked ->> 'at_least')::numeric);
        WHEN 'release' THEN
            RETURN release(of_project => of_project, at_us => at_us, hold_name => asked ->> 'hold_name');
    END CASE;
END $$;

-- A run of them: all its answers, or none, having done nothing.
CREATE FUNCTION perform_all(of_project bigint, at_us bigint, run jsonb, cap bigint) RETURNS SETOF json LANGUAGE plpgsql AS $$
DECLARE
    kind text := run #>> '{0,what}';
    requests listed[];
BEGIN
    IF jsonb_array_length(run) = 1 OR kind IN ('release', 'reserve part') THEN -- which are rare
        RETURN;
    END IF;
    requests := CASE kind WHEN 'commit' THEN listed_commits(of_project, at_us, run, cap)
        ELSE listed(of_project, at_us, run, cap) END;
    IF requests IS NULL THEN
        RETURN;
    ELSIF kind = 'reserve' THEN
        RETURN QUERY SELECT reserve_all(of_project, at_us, requests);
    ELSE
        RETURN QUERY SELECT post_all(of_project, at_us, requests);
    END IF;
END $$;

-- Accounts and all above them in the order of locks: how many stand above one says how deep it is.
CREATE FUNCTION in_order(of_project bigint, of_accounts bigint[]) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        WITH RECURSIVE above (start, account, parent, level) AS (
            SELECT acc.account, acc.account, acc.parent, 0 FROM unnest(of_accounts) AS n
            JOIN accounts acc ON acc.project = of_project AND acc.account = n
            UNION ALL
            SELECT a.start, acc.account, acc.parent, a.level + 1 FROM above a
            JOIN accounts acc ON acc.project = of_project AND acc.account = a.parent
        ), deep AS (
            SELECT DISTINCT a.account, MAX(a.level) OVER (PARTITION BY a.start) - a.level AS depth FROM above a
        )
        SELECT array_agg(d.account ORDER BY d.depth DESC, d.account) FROM deep d);
END $$;

-- Locks the rows of users, of those whose holds they are, and of all above them.
CREATE FUNCTION lock_all(of_project bigint, users text[], hold_names text[], cap bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    to_lock bigint[];
    has_parents boolean;
BEGIN
    SELECT array_agg(n.account ORDER BY n.account), bool_or(n.parent IS NOT NULL) INTO to_lock, has_parents FROM (
        SELECT acc.account, acc.parent FROM unnest(users) AS u
        JOIN accounts acc ON acc.project = of_project AND acc.name = u AND acc.deleted_us = 0
        UNION
        SELECT acc.account, acc.parent FROM unnest(hold_names) AS n
        JOIN holds o ON o.project = of_project AND o.name = n
        JOIN accounts acc ON acc.project = of_project AND acc.account = o.account
    ) n;
    IF has_parents THEN
        to_lock := in_order(of_project, to_lock);
    END IF;
    IF cap IS NOT NULL THEN
        to_lock := array_remove(to_lock, cap) || cap;
    END IF;
    PERFORM FROM unnest(to_lock) WITH ORDINALITY AS t (account, place)
        JOIN accounts acc ON acc.project = of_project AND acc.account = t.account ORDER BY t.place FOR NO KEY UPDATE OF acc;
END $$;

-- Does the requests in their order up to the first that is slow, which is the last one answered. users are those that
-- they are for, models those that they name, holds those that they resolve.
CREATE FUNCTION apply(of_project bigint, now_us bigint, runs jsonb, users text[], hold_names text[], model_names text[])
RETURNS SETOF json LANGUAGE plpgsql AS $$
DECLARE
    at_us bigint := share_project(of_project, now_us);
    cap bigint := (SELECT c.account FROM cap_of(of_project) c);
    run jsonb;
    asked jsonb;
    answer json;
BEGIN
    PERFORM lock_all(of_project, users, hold_names, cap);
    INSERT INTO models (project, name)
        SELECT of_project, n FROM unnest(model_names) AS n
        WHERE NOT EXISTS (SELECT FROM models m WHERE m.project = of_project AND m.name = n)
        ORDER BY n COLLATE "C" ON CONFLICT DO NOTHING;
    FOR run IN SELECT value FROM jsonb_array_elements(runs) LOOP
        RETURN QUERY SELECT perform_all(of_project, at_us, run, cap);
        CONTINUE WHEN FOUND;
        FOR asked IN SELECT value FROM jsonb_array_elements(run) LOOP
            answer := perform(of_project, at_us, asked);
            RETURN NEXT answer;
            IF answer ->> 'what' IN ('slow', 'unmatched') THEN
                RETURN;
            END IF;
        END LOOP;
    END LOOP;
END $$;
