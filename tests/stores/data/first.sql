SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA budgetctl;
CREATE TYPE budgetctl.listed AS (
	place bigint,
	asked jsonb,
	holder bigint,
	chain bigint[],
	number bigint,
	is_first boolean,
	cost numeric,
	of_model text,
	counted bigint[],
	members text,
	posting_set bigint,
	model bigint,
	hold bigint,
	freed bigint[],
	held_amount numeric
);
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE budgetctl.limits (
    project bigint NOT NULL,
    limit_id bigint NOT NULL,
    holder bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    amount numeric NOT NULL,
    duration text COLLATE pg_catalog."C",
    align text NOT NULL COLLATE pg_catalog."C",
    zone text NOT NULL COLLATE pg_catalog."C",
    models text COLLATE pg_catalog."C",
    anchor_us bigint NOT NULL,
    generation bigint NOT NULL,
    window_start_us bigint NOT NULL,
    window_end_us bigint,
    spent numeric DEFAULT 0 NOT NULL,
    held numeric DEFAULT 0 NOT NULL,
    deleted_us bigint DEFAULT 0 NOT NULL,
    warn_at text COLLATE pg_catalog."C",
    extra numeric DEFAULT 0 NOT NULL,
    extra_until_us bigint
)
WITH (fillfactor='70');
ALTER TABLE ONLY budgetctl.limits ALTER COLUMN project SET (n_distinct=1);
CREATE FUNCTION budgetctl.allows(l budgetctl.limits, gone numeric, cost numeric, at_us bigint) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$SELECT l.amount + l.extra - l.spent - l.held + gone >= cost AND at_us >= l.window_start_us - 86400000000$$;
CREATE FUNCTION budgetctl.apply(of_project bigint, now_us bigint, runs jsonb, users text[], hold_names text[], model_names text[]) RETURNS SETOF json
    LANGUAGE plpgsql
    AS $$
DECLARE
    at_us bigint := share_project(of_project, now_us);
    cap bigint := (SELECT c.holder FROM cap_of(of_project) c);
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
            IF answer ->> 0 IN ('slow', 'unmatched') THEN
                RETURN;
            END IF;
        END LOOP;
    END LOOP;
END $$;
CREATE FUNCTION budgetctl.cap_of(of_project bigint) RETURNS TABLE(holder bigint)
    LANGUAGE sql STABLE
    AS $$
    SELECT h.holder FROM holders h WHERE h.project = of_project AND h.name = '' AND h.deleted_us = 0
$$;
CREATE FUNCTION budgetctl.chain_of(of_project bigint, of_holder bigint, of_parent bigint, cap bigint) RETURNS bigint[]
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    chain bigint[] := ARRAY[of_holder];
    above bigint := of_parent;
BEGIN
    WHILE above IS NOT NULL LOOP
        chain := chain || above;
        SELECT h.parent INTO above FROM holders h WHERE h.project = of_project AND h.holder = above;
    END LOOP;
    RETURN CASE WHEN cap <> of_holder THEN chain || cap ELSE chain END;
END $$;
CREATE FUNCTION budgetctl.charge(of_project bigint, at_us bigint, of_user text, hold_name text, cost numeric, of_model text, key_kind text, key_digest bytea, key_request bytea, usage text, pricing text, note text) RETURNS json
    LANGUAGE plpgsql
    AS $$
DECLARE
    hold record;
    own record;
    counts record;
    chain bigint[];
    names text[];
    freed bigint[] := '{}';
    held_amount numeric := 0;
    answer json;
BEGIN
    IF hold_name IS NOT NULL THEN -- before the lock: but for its state, at which resolve() looks again, it does not change
        SELECT * INTO hold FROM hold_named(of_project, hold_name);
        of_user := hold.of_user;
        of_model := NULLIF(concat_ws(E'\n', hold.of_model, of_model), '');
        freed := hold.freed;
        held_amount := hold.amount;
    END IF;
    SELECT h.holder, h.parent, h.last_number + 1 AS number, h.created_us, h.updated_us, h.extra, c.holder AS cap INTO own
        FROM holders h LEFT JOIN cap_of(of_project) c ON true
        WHERE h.project = of_project AND h.name = of_user AND h.deleted_us = 0 FOR NO KEY UPDATE OF h;
    IF NOT FOUND OR is_doubtful(own.updated_us, at_us) THEN
        RETURN json_build_array('slow', of_user);
    END IF;
    chain := ARRAY[own.holder];
    names := ARRAY[of_user];
    IF own.parent IS NOT NULL OR own.cap <> own.holder THEN
        SELECT * INTO chain, names FROM lock_above(of_project, own.holder, of_user, own.parent, own.cap);
    END IF;
    IF hold_name IS NOT NULL THEN
        IF hold.holder <> own.holder OR NOT hold.owners <@ chain THEN -- somebody else has the name by now, or it has moved
            RETURN json_build_array('slow', NULL);
        ELSIF NOT hold.is_open OR hold.expires_us <= at_us THEN
            RETURN json_build_array('slow', of_user);
        END IF;
    END IF;
    SELECT * INTO counts FROM counting(of_project, chain, names, at_us, of_model, cost, freed, held_amount);
    IF NOT counts.is_plain THEN
        SELECT * INTO counts FROM counting_any(of_project, chain, names, at_us, of_model, cost, freed, held_amount);
    END IF;
    IF counts.slow IS NOT NULL THEN
        RETURN counts.slow;
    END IF;
    INSERT INTO idempotency_keys (project, holder, kind, digest, request, number)
        VALUES (of_project, own.holder, key_kind, key_digest, key_request, own.number) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN json_build_array('slow', of_user);
    END IF;
    IF counts.posting_set IS NULL THEN
        counts.posting_set := posting_set_key(of_project, counts.members);
    END IF;
    IF counts.model IS NULL THEN
        counts.model := model_key(of_project, model_of(of_model));
    END IF;
    WITH entry AS (
        INSERT INTO entries (project, holder, number, kind, at_us, amount, model, posting_set, usage, pricing, note)
        VALUES (of_project, own.holder, own.number, 'spend', at_us, cost, counts.model, counts.posting_set,
            usage, pricing, note)
    ), totals AS (
        INSERT INTO model_totals AS t (project, limit_id, generation, model, spent)
        SELECT l.project, l.limit_id, l.generation, COALESCE(counts.model, 0), cost FROM limits l
        WHERE l.project = of_project AND l.limit_id = ANY (counts.counted) AND l.name = 'total'
        ON CONFLICT (project, limit_id, generation, model) DO UPDATE SET spent = t.spent + excluded.spent
    ), owners AS (
        UPDATE holders h
        SET last_number = CASE WHEN h.holder = own.holder THEN own.number ELSE h.last_number END, updated_us = at_us
        WHERE h.project = of_project AND h.holder = ANY (chain)
    )
    UPDATE limits l
    SET spent = l.spent + CASE WHEN l.limit_id = ANY (counts.counted) THEN cost ELSE 0 END,
        held = l.held - CASE WHEN l.limit_id = ANY (freed) THEN held_amount ELSE 0 END
    WHERE l.project = of_project AND l.limit_id = ANY (counts.counted || freed);
    IF hold_name IS NOT NULL THEN
        PERFORM resolve(of_project, hold.hold, at_us, 'committed', own.number);
    END IF;
    SELECT json_build_array('charged', own.number, at_us, model_of(of_model),
            json_build_array(of_user, own.created_us, at_us, own.extra, CASE WHEN own.parent IS NOT NULL THEN names[2] END),
            counts.standings, t.models)
        INTO answer FROM spent_by_model(of_project, own.holder) t;
    RETURN answer;
END $$;
CREATE FUNCTION budgetctl.clock_us() RETURNS bigint
    LANGUAGE sql
    AS $$SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint$$;
CREATE FUNCTION budgetctl.counting(of_project bigint, chain bigint[], names text[], at_us bigint, of_model text, cost numeric, freed bigint[], held_amount numeric) RETURNS TABLE(slow json, counted bigint[], members text, any_expired boolean, is_allowed boolean, standings json, posting_set bigint, model bigint, is_plain boolean)
    LANGUAGE sql STABLE
    AS $$
    SELECT c.slow, c.counted, c.members, false, c.is_allowed, c.standings, s.posting_set, m.model, c.is_plain
    FROM (
        SELECT
            CASE WHEN bool_or(o.is_due) THEN json_build_array('slow', names[1]) END AS slow,
            array_agg(o.limit_id) AS counted,
            string_agg(o.member, ',') AS members,
            bool_and(o.is_allowed) AS is_allowed,
            json_agg(o.standing) AS standings,
            bool_and(o.is_plain) AS is_plain
        FROM (
            SELECT l.limit_id, l.limit_id || ':' || l.generation AS member, is_due(l, at_us) AS is_due,
                allows(l, 0, cost, at_us) AS is_allowed,
                standing(names[array_position(chain, l.holder)], l, l.spent + cost, l.held) AS standing,
                l.models IS NULL AND l.held = CASE WHEN l.limit_id = ANY (freed) THEN held_amount ELSE 0 END AS is_plain
            FROM limits l WHERE l.project = of_project AND l.holder = ANY (chain) AND l.deleted_us = 0
            ORDER BY array_position(chain, l.holder), l.limit_id
        ) o
    ) c
    LEFT JOIN posting_sets s ON s.project = of_project AND s.members = c.members
    LEFT JOIN models m ON m.project = of_project AND m.name = model_of(of_model)
$$;
CREATE FUNCTION budgetctl.counting_any(of_project bigint, chain bigint[], names text[], at_us bigint, of_model text, cost numeric, freed bigint[], held_amount numeric) RETURNS TABLE(slow json, counted bigint[], members text, any_expired boolean, is_allowed boolean, standings json, posting_set bigint, model bigint)
    LANGUAGE sql STABLE
    AS $$
    SELECT c.slow, c.counted, c.members, c.any_expired, c.is_allowed, c.standings, s.posting_set, m.model
    FROM (
        SELECT
            CASE
                WHEN bool_or(l.is_due) THEN json_build_array('slow', names[1])
                WHEN bool_or(l.counts IS NULL) THEN json_build_array('unmatched', of_model, array_agg(l.models))
            END AS slow,
            array_agg(l.limit_id) FILTER (WHERE l.counts) AS counted,
            string_agg(l.limit_id || ':' || l.generation, ',') FILTER (WHERE l.counts) AS members,
            bool_or(l.gone > 0) AS any_expired,
            bool_and(l.is_allowed) FILTER (WHERE l.counts) AS is_allowed,
            json_agg(l.standing) AS standings
        FROM limits_above(of_project, chain, at_us, of_model, cost, freed, held_amount) l
    ) c
    LEFT JOIN posting_sets s ON s.project = of_project AND s.members = c.members
    LEFT JOIN models m ON m.project = of_project AND m.name = model_of(of_model)
$$;
CREATE FUNCTION budgetctl.each_of(requests budgetctl.listed[]) RETURNS SETOF budgetctl.listed
    LANGUAGE sql IMMUTABLE
    AS $$SELECT * FROM unnest(requests) LIMIT cardinality(requests)$$;
CREATE FUNCTION budgetctl.fit(of_project bigint, at_us bigint, holds budgetctl.listed[]) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (
        SELECT bool_and(l.amount + l.extra - l.spent - l.held >= s.wanted AND at_us >= l.window_start_us - 86400000000
            AND (l.held = 0 OR NOT EXISTS (
                SELECT FROM hold_postings p
                WHERE p.project = l.project AND p.limit_id = l.limit_id AND p.expires_us <= at_us)))
        FROM (
            SELECT c.limit_id, SUM(h.cost) AS wanted FROM each_of(holds) h CROSS JOIN unnest(h.counted) AS c (limit_id)
            GROUP BY c.limit_id
        ) s
        JOIN limits l ON l.project = of_project AND l.limit_id = s.limit_id);
END $$;
CREATE FUNCTION budgetctl.held_in(of_project bigint, of_hold bigint) RETURNS TABLE(freed bigint[], owners bigint[])
    LANGUAGE sql STABLE
    AS $$
    SELECT COALESCE(array_agg(p.limit_id), '{}'), COALESCE(array_agg(l.holder), '{}')
    FROM hold_postings p JOIN limits l ON l.project = p.project AND l.limit_id = p.limit_id
    WHERE p.project = of_project AND p.hold = of_hold
$$;
CREATE FUNCTION budgetctl.hold_named(of_project bigint, hold_name text) RETURNS TABLE(hold bigint, holder bigint, of_user text, of_model text, amount numeric, is_open boolean, note text, created_us bigint, expires_us bigint, freed bigint[], owners bigint[])
    LANGUAGE sql STABLE
    AS $$
    SELECT o.hold, o.holder, h.name, (SELECT m.name FROM models m WHERE m.project = o.project AND m.model = o.model),
        o.amount, o.state = 'open', o.note, o.created_us, o.expires_us, p.freed, p.owners
    FROM holds o
    JOIN holders h ON h.project = o.project AND h.holder = o.holder
    CROSS JOIN LATERAL held_in(of_project, o.hold) p
    WHERE o.project = of_project AND o.name = hold_name
$$;
CREATE FUNCTION budgetctl.in_order(of_project bigint, of_holders bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (
        WITH RECURSIVE above (start, holder, parent, level) AS (
            SELECT h.holder, h.holder, h.parent, 0 FROM unnest(of_holders) AS n
            JOIN holders h ON h.project = of_project AND h.holder = n
            UNION ALL
            SELECT a.start, h.holder, h.parent, a.level + 1 FROM above a
            JOIN holders h ON h.project = of_project AND h.holder = a.parent
        ), deep AS (
            SELECT DISTINCT a.holder, MAX(a.level) OVER (PARTITION BY a.start) - a.level AS depth FROM above a
        )
        SELECT array_agg(d.holder ORDER BY d.depth DESC, d.holder) FROM deep d);
END $$;
CREATE FUNCTION budgetctl.is_doubtful(since_us bigint, at_us bigint) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$SELECT at_us - since_us > 94867200000000$$;
CREATE FUNCTION budgetctl.is_due(l budgetctl.limits, at_us bigint) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$SELECT (l.window_end_us <= at_us) IS TRUE OR (l.extra_until_us <= at_us) IS TRUE$$;
CREATE FUNCTION budgetctl.limits_above(of_project bigint, chain bigint[], at_us bigint, of_model text, cost numeric, freed bigint[], held_amount numeric) RETURNS TABLE(limit_id bigint, generation bigint, models text, is_due boolean, counts boolean, gone numeric, is_allowed boolean, standing json)
    LANGUAGE sql STABLE
    AS $$
    SELECT
        (c.l).limit_id, (c.l).generation, (c.l).models, is_due(c.l, at_us), c.counts, c.gone, allows(c.l, c.gone, cost, at_us),
        standing(c.owner, c.l, (c.l).spent + CASE WHEN c.counts THEN cost ELSE 0 END,
            c.gone + CASE WHEN (c.l).limit_id = ANY (freed) THEN held_amount ELSE 0 END)
    FROM (
        SELECT l,
            (SELECT h.name FROM holders h WHERE h.project = l.project AND h.holder = l.holder) AS owner,
            CASE WHEN l.models IS NULL OR l.limit_id = ANY (freed) THEN true WHEN of_model IS NULL THEN false ELSE (
                SELECT m.matches FROM model_matches m
                WHERE m.project = l.project AND m.key = match_key(l.models, of_model)) END AS counts,
            CASE WHEN l.held = 0 THEN 0 ELSE (
                SELECT COALESCE(SUM(p.amount), 0) FROM hold_postings p
                WHERE p.project = l.project AND p.limit_id = l.limit_id AND p.expires_us <= at_us) END AS gone
        FROM unnest(chain) WITH ORDINALITY AS place (holder, level)
        JOIN limits l ON l.project = of_project AND l.holder = place.holder AND l.deleted_us = 0
        ORDER BY place.level, l.limit_id
    ) c
$$;
CREATE FUNCTION budgetctl.listed(of_project bigint, at_us bigint, run jsonb, cap bigint) RETURNS budgetctl.listed[]
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (
        SELECT CASE
            WHEN bool_and((r.h).holder IS NOT NULL AND NOT is_doubtful((r.h).updated_us, at_us) AND c.slow IS NULL)
            THEN array_agg(
            ROW(r.place, r.asked, (r.h).holder, r.chain, (r.h).last_number + r.nth, r.nth = 1, (r.asked ->> 3)::numeric,
                r.asked ->> 4, c.counted, c.members, c.posting_set, c.model, NULL, '{}', 0)::listed
            ORDER BY r.place) END
        FROM (
            SELECT a.place, a.asked, h, chain_of(of_project, h.holder, h.parent, cap) AS chain,
                row_number() OVER (PARTITION BY h.holder ORDER BY a.place) AS nth
            FROM jsonb_array_elements(run) WITH ORDINALITY AS a (asked, place)
            LEFT JOIN holders h ON h.project = of_project AND h.name = a.asked ->> 1 AND h.deleted_us = 0
        ) r
        CROSS JOIN LATERAL counting_any(of_project, r.chain, NULL, at_us, r.asked ->> 4, 0, '{}', 0) c);
END $$;
CREATE FUNCTION budgetctl.listed_commits(of_project bigint, at_us bigint, run jsonb, cap bigint) RETURNS budgetctl.listed[]
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (
        SELECT CASE WHEN bool_and(r.is_open AND p.owners <@ r.chain AND c.slow IS NULL) AND COUNT(DISTINCT r.hold) = COUNT(*)
            THEN array_agg(
                ROW(r.place, r.asked, (r.h).holder, r.chain, (r.h).last_number + r.nth, r.nth = 1, (r.asked ->> 3)::numeric,
                    r.of_model, c.counted, c.members, c.posting_set, c.model,
                    r.hold, p.freed, r.held_amount)::listed
                ORDER BY r.place) END
        FROM (
            SELECT a.place, a.asked, h, chain_of(of_project, h.holder, h.parent, cap) AS chain,
                NULLIF(concat_ws(E'\n', (
                    SELECT m.name FROM models m WHERE m.project = o.project AND m.model = o.model), a.asked ->> 4), '') AS of_model,
                o.hold, o.amount AS held_amount,
                COALESCE(o.state = 'open' AND o.expires_us > at_us AND h.deleted_us = 0, false) AS is_open,
                row_number() OVER (PARTITION BY h.holder ORDER BY a.place) AS nth
            FROM jsonb_array_elements(run) WITH ORDINALITY AS a (asked, place)
            LEFT JOIN holds o ON o.project = of_project AND o.name = a.asked ->> 2
            LEFT JOIN holders h ON h.project = of_project AND h.holder = o.holder
        ) r
        CROSS JOIN LATERAL held_in(of_project, r.hold) p
        CROSS JOIN LATERAL counting_any(of_project, r.chain, NULL, at_us, r.of_model, 0, p.freed, 0) c);
END $$;
CREATE FUNCTION budgetctl.lock_above(of_project bigint, of_holder bigint, of_user text, of_parent bigint, cap bigint, OUT chain bigint[], OUT names text[]) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
    above record;
BEGIN
    chain := ARRAY[of_holder];
    names := ARRAY[of_user];
    WHILE of_parent IS NOT NULL LOOP
        SELECT h.holder, h.parent, h.name INTO above FROM holders h
            WHERE h.project = of_project AND h.holder = of_parent FOR NO KEY UPDATE;
        chain := chain || above.holder;
        names := names || above.name;
        of_parent := above.parent;
    END LOOP;
    IF cap <> of_holder THEN
        PERFORM FROM holders h WHERE h.project = of_project AND h.holder = cap FOR NO KEY UPDATE;
        chain := chain || cap;
        names := names || ''::text;
    END IF;
END $$;
CREATE FUNCTION budgetctl.lock_all(of_project bigint, users text[], hold_names text[], cap bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    to_lock bigint[];
    has_parents boolean;
BEGIN
    SELECT array_agg(n.holder ORDER BY n.holder), bool_or(n.parent IS NOT NULL) INTO to_lock, has_parents FROM (
        SELECT h.holder, h.parent FROM unnest(users) AS u
        JOIN holders h ON h.project = of_project AND h.name = u AND h.deleted_us = 0
        UNION
        SELECT h.holder, h.parent FROM unnest(hold_names) AS n
        JOIN holds o ON o.project = of_project AND o.name = n
        JOIN holders h ON h.project = of_project AND h.holder = o.holder
    ) n;
    IF has_parents THEN
        to_lock := in_order(of_project, to_lock);
    END IF;
    IF cap IS NOT NULL THEN
        to_lock := array_remove(to_lock, cap) || cap;
    END IF;
    PERFORM FROM unnest(to_lock) WITH ORDINALITY AS t (holder, place)
        JOIN holders h ON h.project = of_project AND h.holder = t.holder ORDER BY t.place FOR NO KEY UPDATE OF h;
END $$;
CREATE FUNCTION budgetctl.lock_chain(of_project bigint, of_user text) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
DECLARE
    own record;
BEGIN
    SELECT h.holder, h.parent, c.holder AS cap INTO own FROM holders h LEFT JOIN cap_of(of_project) c ON true
        WHERE h.project = of_project AND h.name = of_user AND h.deleted_us = 0 FOR NO KEY UPDATE OF h;
    RETURN CASE WHEN FOUND THEN (
        SELECT a.chain FROM lock_above(of_project, own.holder, of_user, own.parent, own.cap) a) END;
END $$;
CREATE FUNCTION budgetctl.lock_project(of_project bigint, now_us bigint) RETURNS bigint
    LANGUAGE sql
    AS $$
    SELECT CASE WHEN pg_advisory_xact_lock(1650747252, of_project::int) IS NOT NULL
        THEN COALESCE(now_us, clock_us()) END
$$;
CREATE FUNCTION budgetctl.look(of_project bigint, now_us bigint, of_user text) RETURNS json
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    at_us bigint := COALESCE(now_us, clock_us());
    chain bigint[];
    updated_us bigint;
BEGIN
    SELECT chain_of(of_project, h.holder, h.parent, c.holder), h.updated_us INTO chain, updated_us
        FROM holders h LEFT JOIN cap_of(of_project) c ON true
        WHERE h.project = of_project AND h.name = of_user AND h.deleted_us = 0;
    RETURN json_build_array(at_us, (
        SELECT c.standings FROM counting_any(of_project, chain, ARRAY[of_user], at_us, NULL, 0, '{}', 0) c), updated_us);
END $$;
CREATE FUNCTION budgetctl.match_key(pattern text, names text) RETURNS bytea
    LANGUAGE sql STABLE
    AS $$
    SELECT sha256(convert_to(pattern || E'\n' || names, 'UTF8'))
$$;
CREATE FUNCTION budgetctl.model_key(of_project bigint, of_name text) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION budgetctl.model_of(names text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT split_part(names, E'\n', -1)
$$;
CREATE FUNCTION budgetctl.perform(of_project bigint, at_us bigint, asked jsonb) RETURNS json
    LANGUAGE plpgsql
    AS $$
BEGIN
    CASE asked ->> 0
        WHEN 'charge', 'commit' THEN
            RETURN charge(of_project, at_us, asked ->> 1, asked ->> 2, (asked ->> 3)::numeric, asked ->> 4,
                asked ->> 5, (asked ->> 6)::bytea, (asked ->> 7)::bytea, asked ->> 8, asked ->> 9, asked ->> 10);
        WHEN 'reserve' THEN
            RETURN reserve(of_project, at_us, asked ->> 1, asked ->> 2, (asked ->> 3)::numeric, asked ->> 4,
                (asked ->> 5)::bigint, asked ->> 6);
        WHEN 'release' THEN
            RETURN release(of_project, at_us, asked ->> 1);
    END CASE;
END $$;
CREATE FUNCTION budgetctl.perform_all(of_project bigint, at_us bigint, run jsonb, cap bigint) RETURNS SETOF json
    LANGUAGE plpgsql
    AS $$
DECLARE
    kind text := run #>> '{0,0}';
    requests listed[];
BEGIN
    IF jsonb_array_length(run) = 1 OR kind = 'release' THEN -- releases are rare
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
CREATE FUNCTION budgetctl.post_all(of_project bigint, at_us bigint, charges budgetctl.listed[]) RETURNS SETOF json
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF (
        SELECT bool_or(k.number IS NOT NULL) OR COUNT(DISTINCT int8send(c.holder) || (c.asked ->> 6)::bytea) < COUNT(*)
        FROM each_of(charges) c
        LEFT JOIN idempotency_keys k ON k.project = of_project AND k.holder = c.holder
            AND k.kind = c.asked ->> 5 AND k.digest = (c.asked ->> 6)::bytea
    ) THEN
        RETURN;
    END IF;
    WITH c AS MATERIALIZED (
        SELECT * FROM each_of(charges)
    ), keys AS (
        INSERT INTO idempotency_keys (project, holder, kind, digest, request, number)
        SELECT of_project, c.holder, c.asked ->> 5, (c.asked ->> 6)::bytea, (c.asked ->> 7)::bytea, c.number FROM c
    ), made AS (
        INSERT INTO entries (project, holder, number, kind, at_us, amount, model, posting_set, usage, pricing, note)
        SELECT of_project, c.holder, c.number, 'spend', at_us, c.cost, c.model,
            COALESCE(c.posting_set, posting_set_key(of_project, c.members)), c.asked ->> 8, c.asked ->> 9, c.asked ->> 10
        FROM c
    ), totals AS (
        INSERT INTO model_totals AS t (project, limit_id, generation, model, spent)
        SELECT l.project, l.limit_id, l.generation, COALESCE(c.model, 0), SUM(c.cost)
        FROM c CROSS JOIN unnest(c.counted) AS n (limit_id)
        JOIN limits l ON l.project = of_project AND l.limit_id = n.limit_id AND l.name = 'total'
        GROUP BY l.project, l.limit_id, l.generation, COALESCE(c.model, 0)
        ON CONFLICT (project, limit_id, generation, model) DO UPDATE SET spent = t.spent + excluded.spent
    ), owners AS (
        UPDATE holders h SET last_number = h.last_number + s.entries, updated_us = at_us
        FROM (
            SELECT p.holder, COUNT(*) FILTER (WHERE p.level = 1) AS entries
            FROM c CROSS JOIN unnest(c.chain) WITH ORDINALITY AS p (holder, level) GROUP BY p.holder
        ) s
        WHERE h.project = of_project AND h.holder = s.holder
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
            WHEN NOT c.is_first THEN json_build_array('charged', c.number, at_us, model_of(c.of_model), json_build_array(h.name))
            ELSE json_build_array('charged', c.number, at_us, model_of(c.of_model),
                json_build_array(h.name, h.created_us, at_us, h.extra, (
                    SELECT p.name FROM holders p WHERE p.project = h.project AND p.holder = h.parent)),
                (SELECT json_agg(l.standing) FROM limits_above(of_project, c.chain, at_us, NULL, 0, '{}', 0) l),
                (SELECT t.models FROM spent_by_model(of_project, c.holder) t)) END
        FROM each_of(charges) c JOIN holders h ON h.project = of_project AND h.holder = c.holder
        ORDER BY c.place;
END $$;
CREATE FUNCTION budgetctl.posting_set_key(of_project bigint, of_members text) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION budgetctl.release(of_project bigint, at_us bigint, hold_name text) RETURNS json
    LANGUAGE plpgsql
    AS $$
DECLARE
    hold record;
    chain bigint[];
    slow json;
BEGIN
    SELECT * INTO hold FROM hold_named(of_project, hold_name); -- before the lock, as in charge()
    chain := lock_chain(of_project, hold.of_user);
    IF (hold.holder = chain[1] AND hold.owners <@ chain) IS NOT TRUE THEN
        RETURN json_build_array('slow', NULL);
    END IF;
    SELECT c.slow INTO slow FROM counting(of_project, chain, ARRAY[hold.of_user], at_us, NULL, 0, '{}', 0) c;
    IF slow IS NOT NULL OR NOT hold.is_open OR hold.expires_us <= at_us THEN
        RETURN json_build_array('slow', hold.of_user);
    END IF;
    UPDATE limits l SET held = l.held - hold.amount WHERE l.project = of_project AND l.limit_id = ANY (hold.freed);
    UPDATE holders h SET updated_us = at_us WHERE h.project = of_project AND h.holder = ANY (chain);
    PERFORM resolve(of_project, hold.hold, at_us, 'released', NULL);
    RETURN json_build_array('released', at_us, hold.of_user, hold.amount, hold.created_us, hold.expires_us,
        hold.of_model, hold.note);
END $$;
CREATE FUNCTION budgetctl.reserve(of_project bigint, at_us bigint, of_user text, hold_name text, wanted numeric, of_model text, ttl_us bigint, note text) RETURNS json
    LANGUAGE plpgsql
    AS $$
DECLARE
    own record;
    counts record;
    chain bigint[];
    names text[];
    made bigint;
    answer json;
BEGIN
    SELECT h.holder, h.parent, h.updated_us, c.holder AS cap INTO own
        FROM holders h LEFT JOIN cap_of(of_project) c ON true
        WHERE h.project = of_project AND h.name = of_user AND h.deleted_us = 0 FOR NO KEY UPDATE OF h;
    IF NOT FOUND OR is_doubtful(own.updated_us, at_us) THEN
        RETURN json_build_array('slow', of_user);
    END IF;
    chain := ARRAY[own.holder];
    names := ARRAY[of_user];
    IF own.parent IS NOT NULL OR own.cap <> own.holder THEN
        SELECT * INTO chain, names FROM lock_above(of_project, own.holder, of_user, own.parent, own.cap);
    END IF;
    SELECT c.slow, c.counted, c.any_expired, c.is_allowed, c.model, c.is_plain INTO counts
        FROM counting(of_project, chain, names, at_us, of_model, wanted, '{}', 0) c;
    IF NOT counts.is_plain THEN
        SELECT c.slow, c.counted, c.any_expired, c.is_allowed, c.model INTO counts
            FROM counting_any(of_project, chain, names, at_us, of_model, wanted, '{}', 0) c;
    END IF;
    IF counts.slow IS NOT NULL THEN
        RETURN counts.slow;
    END IF;
    IF NOT counts.is_allowed THEN
        IF EXISTS (SELECT FROM holds o WHERE o.project = of_project AND o.name = hold_name) THEN -- allowed before
            RETURN json_build_array('slow', of_user);
        END IF;
        SELECT json_build_array('denied', at_us, c.standings) INTO answer
            FROM counting_any(of_project, chain, names, at_us, of_model, 0, '{}', 0) c;
        RETURN answer;
    END IF;
    IF counts.model IS NULL THEN
        counts.model := model_key(of_project, model_of(of_model));
    END IF;
    INSERT INTO holds (project, name, holder, amount, model, state, note, created_us, expires_us)
        VALUES (of_project, hold_name, own.holder, wanted, counts.model, 'open', note, at_us, at_us + ttl_us)
        ON CONFLICT DO NOTHING RETURNING hold INTO made;
    IF NOT FOUND THEN
        RETURN json_build_array('slow', of_user);
    END IF;
    IF counts.any_expired THEN
        PERFORM sweep(of_project, chain, at_us);
    END IF;
    WITH postings AS (
        INSERT INTO hold_postings (project, limit_id, expires_us, hold, amount)
        SELECT of_project, c.limit_id, at_us + ttl_us, made, wanted FROM unnest(counts.counted) AS c (limit_id)
    ), owners AS (
        UPDATE holders h SET updated_us = at_us WHERE h.project = of_project AND h.holder = ANY (chain)
    )
    UPDATE limits l SET held = l.held + wanted WHERE l.project = of_project AND l.limit_id = ANY (counts.counted);
    RETURN json_build_array('held', at_us, at_us + ttl_us);
END $$;
CREATE FUNCTION budgetctl.reserve_all(of_project bigint, at_us bigint, asked budgetctl.listed[]) RETURNS SETOF json
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF (
        SELECT bool_or(o.hold IS NOT NULL) OR COUNT(DISTINCT (m.asked ->> 2) COLLATE "C") < COUNT(*)
        FROM each_of(asked) m LEFT JOIN holds o ON o.project = of_project AND o.name = m.asked ->> 2
    ) OR NOT fit(of_project, at_us, asked) THEN
        RETURN;
    END IF;
    WITH m AS MATERIALIZED (
        SELECT nextval('holds_hold_seq') AS key, at_us + (r.asked ->> 5)::bigint AS expires_us, r.* FROM each_of(asked) r
    ), made AS (
        INSERT INTO holds (project, hold, name, holder, amount, model, state, note, created_us, expires_us)
        SELECT of_project, m.key, m.asked ->> 2, m.holder, m.cost, m.model, 'open', m.asked ->> 6, at_us, m.expires_us FROM m
    ), postings AS (
        INSERT INTO hold_postings (project, limit_id, expires_us, hold, amount)
        SELECT of_project, c.limit_id, m.expires_us, m.key, m.cost FROM m CROSS JOIN unnest(m.counted) AS c (limit_id)
    ), owners AS (
        UPDATE holders h SET updated_us = at_us
        FROM (SELECT DISTINCT p.holder FROM m CROSS JOIN unnest(m.chain) AS p (holder)) s
        WHERE h.project = of_project AND h.holder = s.holder
    )
    UPDATE limits l SET held = l.held + s.wanted
    FROM (
        SELECT c.limit_id, SUM(m.cost) AS wanted FROM m CROSS JOIN unnest(m.counted) AS c (limit_id) GROUP BY c.limit_id
    ) s
    WHERE l.project = of_project AND l.limit_id = s.limit_id;
    RETURN QUERY SELECT json_build_array('held', at_us, at_us + (m.asked ->> 5)::bigint) FROM each_of(asked) m;
END $$;
CREATE FUNCTION budgetctl.resolve(of_project bigint, of_hold bigint, at_us bigint, new_state text, of_number bigint) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION budgetctl.share_project(of_project bigint, now_us bigint) RETURNS bigint
    LANGUAGE sql
    AS $$
    SELECT CASE WHEN pg_advisory_xact_lock_shared(1650747252, of_project::int) IS NOT NULL
        THEN COALESCE(now_us, clock_us()) END
$$;
CREATE FUNCTION budgetctl.spent_by_model(of_project bigint, of_holder bigint) RETURNS TABLE(models json)
    LANGUAGE sql STABLE
    AS $$
    SELECT json_object_agg(m.name, t.spent) FROM limits l
    JOIN model_totals t ON t.project = l.project AND t.limit_id = l.limit_id AND t.generation = l.generation
    JOIN models m ON m.project = t.project AND m.model = t.model
    WHERE l.project = of_project AND l.holder = of_holder AND l.name = 'total' AND l.deleted_us = 0
$$;
CREATE FUNCTION budgetctl.standing(owner text, l budgetctl.limits, spent numeric, let_go numeric) RETURNS json
    LANGUAGE sql STABLE
    AS $$
    SELECT json_build_array(
        owner, l.limit_id, l.name, l.amount, l.duration, l.align, l.zone, l.models, l.anchor_us, l.generation,
        l.window_start_us, l.window_end_us, spent, l.held - let_go, l.warn_at, l.extra, l.extra_until_us)
$$;
CREATE FUNCTION budgetctl.sweep(of_project bigint, chain bigint[], until_us bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    WITH gone AS (
        DELETE FROM hold_postings p USING limits l
        WHERE l.project = of_project AND l.holder = ANY (chain) AND l.deleted_us = 0
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
CREATE TABLE budgetctl.entries (
    project bigint NOT NULL,
    entry bigint NOT NULL,
    holder bigint NOT NULL,
    number bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    at_us bigint NOT NULL,
    amount numeric NOT NULL,
    model bigint,
    posting_set bigint,
    refers_to bigint,
    usage text,
    pricing text,
    note text,
    closed_limit bigint,
    closed_generation bigint,
    closed_start_us bigint,
    closed_end_us bigint,
    closed_spent numeric
);
ALTER TABLE ONLY budgetctl.entries ALTER COLUMN project SET (n_distinct=1);
ALTER TABLE budgetctl.entries ALTER COLUMN entry ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME budgetctl.entries_entry_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE budgetctl.hold_postings (
    project bigint NOT NULL,
    limit_id bigint NOT NULL,
    expires_us bigint NOT NULL,
    hold bigint NOT NULL,
    amount numeric NOT NULL
);
ALTER TABLE ONLY budgetctl.hold_postings ALTER COLUMN project SET (n_distinct=1);
CREATE TABLE budgetctl.holders (
    project bigint NOT NULL,
    holder bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    parent bigint,
    last_number bigint DEFAULT 0 NOT NULL,
    extra text,
    created_us bigint NOT NULL,
    updated_us bigint NOT NULL,
    deleted_us bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='70');
ALTER TABLE ONLY budgetctl.holders ALTER COLUMN project SET (n_distinct=1);
ALTER TABLE budgetctl.holders ALTER COLUMN holder ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME budgetctl.holders_holder_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE budgetctl.holds (
    project bigint NOT NULL,
    hold bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    holder bigint NOT NULL,
    amount numeric NOT NULL,
    model bigint,
    state text NOT NULL COLLATE pg_catalog."C",
    number bigint,
    note text,
    created_us bigint NOT NULL,
    expires_us bigint NOT NULL,
    resolved_us bigint
);
ALTER TABLE ONLY budgetctl.holds ALTER COLUMN project SET (n_distinct=1);
ALTER TABLE budgetctl.holds ALTER COLUMN hold ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME budgetctl.holds_hold_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE budgetctl.idempotency_keys (
    project bigint NOT NULL,
    holder bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    digest bytea NOT NULL,
    request bytea NOT NULL,
    number bigint NOT NULL
);
ALTER TABLE ONLY budgetctl.idempotency_keys ALTER COLUMN project SET (n_distinct=1);
ALTER TABLE budgetctl.limits ALTER COLUMN limit_id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME budgetctl.limits_limit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE budgetctl.marks (
    project bigint NOT NULL,
    made_us bigint NOT NULL,
    mark uuid NOT NULL
);
ALTER TABLE ONLY budgetctl.marks ALTER COLUMN project SET (n_distinct=1);
CREATE TABLE budgetctl.migrations (
    version bigint NOT NULL,
    step text NOT NULL
);
CREATE TABLE budgetctl.model_matches (
    project bigint NOT NULL,
    key bytea NOT NULL,
    matches boolean NOT NULL
);
ALTER TABLE ONLY budgetctl.model_matches ALTER COLUMN project SET (n_distinct=1);
CREATE TABLE budgetctl.model_totals (
    project bigint NOT NULL,
    limit_id bigint NOT NULL,
    generation bigint NOT NULL,
    model bigint NOT NULL,
    spent numeric NOT NULL
)
WITH (fillfactor='70');
ALTER TABLE ONLY budgetctl.model_totals ALTER COLUMN project SET (n_distinct=1);
CREATE TABLE budgetctl.models (
    project bigint NOT NULL,
    model bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C"
);
ALTER TABLE ONLY budgetctl.models ALTER COLUMN project SET (n_distinct=1);
ALTER TABLE budgetctl.models ALTER COLUMN model ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME budgetctl.models_model_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE budgetctl.posting_sets (
    project bigint NOT NULL,
    posting_set bigint NOT NULL,
    members text NOT NULL COLLATE pg_catalog."C"
);
ALTER TABLE ONLY budgetctl.posting_sets ALTER COLUMN project SET (n_distinct=1);
ALTER TABLE budgetctl.posting_sets ALTER COLUMN posting_set ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME budgetctl.posting_sets_posting_set_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE budgetctl.postings (
    project bigint NOT NULL,
    posting_set bigint NOT NULL,
    limit_id bigint NOT NULL,
    generation bigint NOT NULL
);
ALTER TABLE ONLY budgetctl.postings ALTER COLUMN project SET (n_distinct=1);
CREATE TABLE budgetctl.projects (
    project bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    reported_entry bigint DEFAULT 0 NOT NULL,
    created_us bigint NOT NULL,
    confirmed_us bigint DEFAULT 0 NOT NULL
);
ALTER TABLE budgetctl.projects ALTER COLUMN project ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME budgetctl.projects_project_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE budgetctl.requests (
    project bigint NOT NULL,
    digest bytea NOT NULL,
    request bytea NOT NULL,
    answer text NOT NULL,
    at_us bigint NOT NULL
);
ALTER TABLE ONLY budgetctl.requests ALTER COLUMN project SET (n_distinct=1);
CREATE TABLE budgetctl.shadows (
    project bigint NOT NULL,
    identity text NOT NULL COLLATE pg_catalog."C",
    limit_id bigint NOT NULL,
    state text NOT NULL,
    settle_us bigint,
    updated_us bigint NOT NULL
);
ALTER TABLE ONLY budgetctl.shadows ALTER COLUMN project SET (n_distinct=1);
CREATE TABLE budgetctl.tokens (
    id text NOT NULL COLLATE pg_catalog."C",
    project text NOT NULL COLLATE pg_catalog."C",
    digest bytea NOT NULL,
    read_only boolean DEFAULT false NOT NULL,
    note text,
    created_us bigint NOT NULL,
    expires_us bigint,
    revoked_us bigint
);
CREATE TABLE budgetctl.told_thresholds (
    project bigint NOT NULL,
    limit_id bigint NOT NULL,
    generation bigint NOT NULL,
    percent bigint NOT NULL
);
ALTER TABLE ONLY budgetctl.told_thresholds ALTER COLUMN project SET (n_distinct=1);
CREATE TABLE budgetctl.top_ups (
    project bigint NOT NULL,
    top_up bigint NOT NULL,
    limit_id bigint NOT NULL,
    number bigint NOT NULL,
    amount numeric NOT NULL,
    counts numeric NOT NULL,
    burned numeric NOT NULL,
    at_spent numeric NOT NULL,
    expires_us bigint,
    ended_generation bigint
);
ALTER TABLE ONLY budgetctl.top_ups ALTER COLUMN project SET (n_distinct=1);
ALTER TABLE budgetctl.top_ups ALTER COLUMN top_up ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME budgetctl.top_ups_top_up_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 1, 2, 1, 'spend', 1795348800000000, 250000000000, 1, 1, NULL, '{"prompt_tokens":1000,"completion_tokens":100}', NULL, 'a note – ü', NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 2, 2, 2, 'spend', 1795348860000000, 6000000000000, NULL, 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 3, 3, 1, 'spend', 1795348860000000, 1500000000000, 2, 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 4, 3, 2, 'spend', 1795348860000000, 123, 3, 4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 5, 2, 3, 'refund', 1795348860000000, -1000000000000, NULL, 2, 2, NULL, NULL, 'by invoice', NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 6, 3, 3, 'spend', 1795348860000000, 0, 4, 4, NULL, '{"model":"my-model","prompt_tokens":40}', '{"source":"unpriced"}', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 7, 3, 4, 'adjustment', 1795348860000000, 750000000000, 4, 4, 3, NULL, '{"source":"own"}', 'repriced', NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 8, 2, 4, 'top-up', 1795348860000000, 5000000000000, NULL, NULL, NULL, NULL, NULL, 'for the demo', NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 9, 2, 5, 'top-up', 1795348860000000, 2000000000000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 10, 3, 5, 'top-up', 1795348860000000, 1000000000000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 11, 3, 6, 'spend', 1795348920000000, 200000000000, 2, 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 12, 6, 1, 'spend', 1795348920000000, 500000000000, 5, 5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 13, 4, 1, 'spend', 1795348920000000, 750000000000, 5, 6, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 14, 7, 1, 'spend', 1795348920000000, 400000000000, NULL, 7, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 15, 8, 1, 'spend', 1795348920000000, 100000000000, NULL, 8, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 16, 9, 1, 'adjustment', 1795348920000000, 250000000000, 6, 9, NULL, NULL, NULL, 'taken over from litellm', NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 17, 9, 2, 'adjustment', 1795348920000000, 1000000000000, 5, 9, NULL, NULL, NULL, 'taken over from litellm', NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 18, 2, 6, 'reset', 1795438920000000, 0, NULL, NULL, NULL, NULL, NULL, NULL, 2, 1, 1795348800000000, 1795435200000000, 5250000000000);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 19, 2, 7, 'reset', 1795438920000000, 0, NULL, NULL, NULL, NULL, NULL, NULL, 5, 1, 1795348800000000, 1795435200000000, 250000000000);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 20, 2, 8, 'spend', 1795438920000000, 125000000000, 7, 10, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 21, 3, 7, 'reset', 1795438920000000, 0, NULL, NULL, NULL, NULL, NULL, NULL, 3, 1, 1794787200000000, 1795392000000000, 2450000000123);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 22, 4, 2, 'spend', 1795438920000000, 50000000000, NULL, 6, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 23, 3, 8, 'spend', 1795438920000000, 2500000000000, 2, 11, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 24, 3, 9, 'reset', 1795438920000000, 0, NULL, NULL, NULL, NULL, NULL, NULL, 3, 2, 1795392000000000, 1795438920000000, 2500000000000);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 25, 3, 10, 'carry', 1795438920000000, 2500000000000, 2, 12, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 26, 4, 3, 'reset', 1795438920000000, 0, NULL, NULL, NULL, NULL, NULL, NULL, 4, 1, 1795348800000000, 1795438920000000, 800000000000);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 27, 4, 4, 'spend', 1795438920000000, 300000000000, 6, 13, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 28, 4, 5, 'reset', 1795438920000000, 0, NULL, NULL, NULL, NULL, NULL, NULL, 4, 2, 1795348800000000, 1795438920000000, 300000000000);
INSERT INTO budgetctl.entries (project, entry, holder, number, kind, at_us, amount, model, posting_set, refers_to, usage, pricing, note, closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent) VALUES (1, 29, 6, 2, 'spend', 1795438920000000, 125000000000, 5, 5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO budgetctl.hold_postings (project, limit_id, expires_us, hold, amount) VALUES (0, 1, 0, -1, 0);
INSERT INTO budgetctl.hold_postings (project, limit_id, expires_us, hold, amount) VALUES (0, 2, 0, -2, 0);
INSERT INTO budgetctl.hold_postings (project, limit_id, expires_us, hold, amount) VALUES (0, 3, 0, -3, 0);
INSERT INTO budgetctl.hold_postings (project, limit_id, expires_us, hold, amount) VALUES (0, 4, 0, -4, 0);
INSERT INTO budgetctl.hold_postings (project, limit_id, expires_us, hold, amount) VALUES (0, 5, 0, -5, 0);
INSERT INTO budgetctl.hold_postings (project, limit_id, expires_us, hold, amount) VALUES (0, 6, 0, -6, 0);
INSERT INTO budgetctl.hold_postings (project, limit_id, expires_us, hold, amount) VALUES (0, 7, 0, -7, 0);
INSERT INTO budgetctl.hold_postings (project, limit_id, expires_us, hold, amount) VALUES (0, 8, 0, -8, 0);
INSERT INTO budgetctl.hold_postings (project, limit_id, expires_us, hold, amount) VALUES (0, 9, 0, -9, 0);
INSERT INTO budgetctl.hold_postings (project, limit_id, expires_us, hold, amount) VALUES (0, 10, 0, -10, 0);
INSERT INTO budgetctl.hold_postings (project, limit_id, expires_us, hold, amount) VALUES (1, 2, 1795953720000000, 1, 500000000000);
INSERT INTO budgetctl.hold_postings (project, limit_id, expires_us, hold, amount) VALUES (1, 5, 1795953720000000, 1, 500000000000);
INSERT INTO budgetctl.hold_postings (project, limit_id, expires_us, hold, amount) VALUES (1, 6, 1795953720000000, 1, 500000000000);
INSERT INTO budgetctl.hold_postings (project, limit_id, expires_us, hold, amount) VALUES (1, 1, 1795953720000000, 1, 500000000000);
INSERT INTO budgetctl.hold_postings (project, limit_id, expires_us, hold, amount) VALUES (1, 8, 1795953720000000, 1, 500000000000);
INSERT INTO budgetctl.holders (project, holder, name, parent, last_number, extra, created_us, updated_us, deleted_us) VALUES (1, 7, 'dave', NULL, 1, NULL, 1795348920000000, 1795348920000000, 1795348920000000);
INSERT INTO budgetctl.holders (project, holder, name, parent, last_number, extra, created_us, updated_us, deleted_us) VALUES (1, 8, 'dave', NULL, 1, NULL, 1795348920000000, 1795348920000000, 0);
INSERT INTO budgetctl.holders (project, holder, name, parent, last_number, extra, created_us, updated_us, deleted_us) VALUES (1, 9, 'erin', NULL, 2, '{"team":"red"}', 1795348920000000, 1795348920000000, 0);
INSERT INTO budgetctl.holders (project, holder, name, parent, last_number, extra, created_us, updated_us, deleted_us) VALUES (1, 2, 'alice', 1, 8, NULL, 1795348800000000, 1795438920000000, 0);
INSERT INTO budgetctl.holders (project, holder, name, parent, last_number, extra, created_us, updated_us, deleted_us) VALUES (1, 1, 'team', NULL, 0, NULL, 1795348800000000, 1795438920000000, 0);
INSERT INTO budgetctl.holders (project, holder, name, parent, last_number, extra, created_us, updated_us, deleted_us) VALUES (1, 3, 'bob', 1, 10, NULL, 1795348800000000, 1795438920000000, 0);
INSERT INTO budgetctl.holders (project, holder, name, parent, last_number, extra, created_us, updated_us, deleted_us) VALUES (1, 4, 'carol', NULL, 5, NULL, 1795348800000000, 1795438920000000, 0);
INSERT INTO budgetctl.holders (project, holder, name, parent, last_number, extra, created_us, updated_us, deleted_us) VALUES (1, 5, '', NULL, 0, NULL, 1795348800000000, 1795438920000000, 0);
INSERT INTO budgetctl.holders (project, holder, name, parent, last_number, extra, created_us, updated_us, deleted_us) VALUES (1, 6, 'hosted', NULL, 2, NULL, 1795348920000000, 1795438920000000, 0);
INSERT INTO budgetctl.holds (project, hold, name, holder, amount, model, state, number, note, created_us, expires_us, resolved_us) VALUES (1, 1, 'open', 2, 500000000000, 5, 'open', NULL, 'a job', 1795348920000000, 1795953720000000, NULL);
INSERT INTO budgetctl.holds (project, hold, name, holder, amount, model, state, number, note, created_us, expires_us, resolved_us) VALUES (1, 3, 'committed', 3, 300000000000, 2, 'committed', 6, NULL, 1795348920000000, 1795349520000000, 1795348920000000);
INSERT INTO budgetctl.holds (project, hold, name, holder, amount, model, state, number, note, created_us, expires_us, resolved_us) VALUES (1, 4, 'released', 3, 300000000000, NULL, 'released', NULL, NULL, 1795348920000000, 1795349520000000, 1795348920000000);
INSERT INTO budgetctl.holds (project, hold, name, holder, amount, model, state, number, note, created_us, expires_us, resolved_us) VALUES (1, 6, 'left', 7, 200000000000, NULL, 'expired', NULL, NULL, 1795348920000000, 1795953720000000, NULL);
INSERT INTO budgetctl.holds (project, hold, name, holder, amount, model, state, number, note, created_us, expires_us, resolved_us) VALUES (1, 2, 'expired', 2, 400000000000, NULL, 'expired', NULL, NULL, 1795348920000000, 1795349520000000, NULL);
INSERT INTO budgetctl.holds (project, hold, name, holder, amount, model, state, number, note, created_us, expires_us, resolved_us) VALUES (1, 5, 'late', 4, 100000000000, NULL, 'committed', 2, NULL, 1795348920000000, 1795352520000000, 1795438920000000);
INSERT INTO budgetctl.idempotency_keys (project, holder, kind, digest, request, number) VALUES (1, 2, 'caller', '\x0506c3775eced9ad7516ae29da785aac', '\xf4ca9cb6136492e309c6112104690621', 1);
INSERT INTO budgetctl.idempotency_keys (project, holder, kind, digest, request, number) VALUES (1, 2, 'caller', '\x195cda2e32b4ef03e631b7a2b2420cba', '\xd5e24ffcbed52dc9fe0eea40b349f48e', 2);
INSERT INTO budgetctl.idempotency_keys (project, holder, kind, digest, request, number) VALUES (1, 3, 'operation', '\x18ec260be537dffe5aa98ed859a657a3', '\x18ec260be537dffe5aa98ed859a657a3', 1);
INSERT INTO budgetctl.idempotency_keys (project, holder, kind, digest, request, number) VALUES (1, 3, 'operation', '\x18ec260be6011d6d7dbe9cfaab4d86ef', '\x18ec260be6011d6d7dbe9cfaab4d86ef', 2);
INSERT INTO budgetctl.idempotency_keys (project, holder, kind, digest, request, number) VALUES (1, 3, 'operation', '\x18ec260bec84c4389fb459c2e6d77287', '\x18ec260bec84c4389fb459c2e6d77287', 3);
INSERT INTO budgetctl.idempotency_keys (project, holder, kind, digest, request, number) VALUES (1, 2, 'caller', '\xbe8cc3f31e333da7c0694457130dcf6a', '\x7ba3c869b7723899d44a6ad1dd138dd8', 4);
INSERT INTO budgetctl.idempotency_keys (project, holder, kind, digest, request, number) VALUES (1, 3, 'commit', '\x2fee592a69fd9d38484b8f3d4cf92171', '\x4e74125f6c9b2ffccede6e8092bc29a6', 6);
INSERT INTO budgetctl.idempotency_keys (project, holder, kind, digest, request, number) VALUES (1, 7, 'operation', '\x18ec260c10e19bcefd07793b0c1b7f0a', '\x18ec260c10e19bcefd07793b0c1b7f0a', 1);
INSERT INTO budgetctl.idempotency_keys (project, holder, kind, digest, request, number) VALUES (1, 8, 'operation', '\x18ec260c14d7d41e3b054206126e5efb', '\x18ec260c14d7d41e3b054206126e5efb', 1);
INSERT INTO budgetctl.idempotency_keys (project, holder, kind, digest, request, number) VALUES (1, 2, 'operation', '\x18ec260c1934ea91487ebaabb74a787e', '\x18ec260c1934ea91487ebaabb74a787e', 8);
INSERT INTO budgetctl.idempotency_keys (project, holder, kind, digest, request, number) VALUES (1, 4, 'commit', '\xdfcd11103a7cbb1a2d6af3fb46497273', '\x4077d1388eaa225a2f35112354fab20a', 2);
INSERT INTO budgetctl.idempotency_keys (project, holder, kind, digest, request, number) VALUES (1, 3, 'operation', '\x18ec260c1ec850edc68d58295c2b40ab', '\x18ec260c1ec850edc68d58295c2b40ab', 8);
INSERT INTO budgetctl.idempotency_keys (project, holder, kind, digest, request, number) VALUES (1, 4, 'operation', '\x18ec260c23cfb712ad17acb9baeeede7', '\x18ec260c23cfb712ad17acb9baeeede7', 4);
INSERT INTO budgetctl.limits (project, limit_id, holder, name, amount, duration, align, zone, models, anchor_us, generation, window_start_us, window_end_us, spent, held, deleted_us, warn_at, extra, extra_until_us) VALUES (1, 7, 3, 'total claude-*', 3000000000000, NULL, 'rolling', 'UTC', 'claude-*', 1795348800000000, 1, 1795348800000000, NULL, 1700000000000, 0, 1795348920000000, '80', 0, NULL);
INSERT INTO budgetctl.limits (project, limit_id, holder, name, amount, duration, align, zone, models, anchor_us, generation, window_start_us, window_end_us, spent, held, deleted_us, warn_at, extra, extra_until_us) VALUES (1, 2, 2, 'total', 10000000000000, 'daily', 'rolling', 'UTC', NULL, 1795348800000000, 2, 1795435200000000, 1795521600000000, 125000000000, 500000000000, 0, '50,80', 5000000000000, 1795953660000000);
INSERT INTO budgetctl.limits (project, limit_id, holder, name, amount, duration, align, zone, models, anchor_us, generation, window_start_us, window_end_us, spent, held, deleted_us, warn_at, extra, extra_until_us) VALUES (1, 5, 2, 'daily gpt-4o*', 1000000000000, 'daily', 'rolling', 'UTC', 'gpt-4o*', 1795348800000000, 2, 1795435200000000, 1795521600000000, 125000000000, 500000000000, 0, '80', 0, NULL);
INSERT INTO budgetctl.limits (project, limit_id, holder, name, amount, duration, align, zone, models, anchor_us, generation, window_start_us, window_end_us, spent, held, deleted_us, warn_at, extra, extra_until_us) VALUES (1, 6, 2, 'big', 40000000000000, 'monthly', 'rolling', 'UTC', NULL, 1795348800000000, 1, 1795348800000000, 1797940800000000, 5375000000000, 500000000000, 0, '80', 0, NULL);
INSERT INTO budgetctl.limits (project, limit_id, holder, name, amount, duration, align, zone, models, anchor_us, generation, window_start_us, window_end_us, spent, held, deleted_us, warn_at, extra, extra_until_us) VALUES (1, 1, 1, 'total', 100000000000000, 'monthly', 'calendar', 'UTC', NULL, 1795348800000000, 1, 1793491200000000, 1796083200000000, 10325000000123, 500000000000, 0, '50,90', 0, NULL);
INSERT INTO budgetctl.limits (project, limit_id, holder, name, amount, duration, align, zone, models, anchor_us, generation, window_start_us, window_end_us, spent, held, deleted_us, warn_at, extra, extra_until_us) VALUES (1, 3, 3, 'total', 25000000000000, 'daily', 'calendar', 'Europe/London', NULL, 1795348800000000, 3, 1795392000000000, 1795478400000000, 2500000000000, 0, 0, '80', 0, NULL);
INSERT INTO budgetctl.limits (project, limit_id, holder, name, amount, duration, align, zone, models, anchor_us, generation, window_start_us, window_end_us, spent, held, deleted_us, warn_at, extra, extra_until_us) VALUES (1, 4, 4, 'total', 5000000000000, NULL, 'rolling', 'UTC', NULL, 1795348800000000, 3, 1795348800000000, NULL, 0, 0, 0, '80', 0, NULL);
INSERT INTO budgetctl.limits (project, limit_id, holder, name, amount, duration, align, zone, models, anchor_us, generation, window_start_us, window_end_us, spent, held, deleted_us, warn_at, extra, extra_until_us) VALUES (1, 8, 5, 'total', 500000000000000, 'monthly', 'rolling', 'UTC', NULL, 1795348800000000, 1, 1795348800000000, 1797940800000000, 12550000000123, 500000000000, 0, '80', 0, NULL);
INSERT INTO budgetctl.limits (project, limit_id, holder, name, amount, duration, align, zone, models, anchor_us, generation, window_start_us, window_end_us, spent, held, deleted_us, warn_at, extra, extra_until_us) VALUES (1, 10, 7, 'total', 1000000000000, NULL, 'rolling', 'UTC', NULL, 1795348920000000, 1, 1795348920000000, NULL, 400000000000, 0, 1795348920000000, '80', 0, NULL);
INSERT INTO budgetctl.limits (project, limit_id, holder, name, amount, duration, align, zone, models, anchor_us, generation, window_start_us, window_end_us, spent, held, deleted_us, warn_at, extra, extra_until_us) VALUES (1, 11, 8, 'total', 2000000000000, NULL, 'rolling', 'UTC', NULL, 1795348920000000, 1, 1795348920000000, NULL, 100000000000, 0, 0, '80', 0, NULL);
INSERT INTO budgetctl.limits (project, limit_id, holder, name, amount, duration, align, zone, models, anchor_us, generation, window_start_us, window_end_us, spent, held, deleted_us, warn_at, extra, extra_until_us) VALUES (1, 12, 9, 'total', 20000000000000, '30d', 'rolling', 'UTC', NULL, 1795348920000000, 1, 1795348920000000, 1797940920000000, 1250000000000, 0, 0, '80', 0, NULL);
INSERT INTO budgetctl.limits (project, limit_id, holder, name, amount, duration, align, zone, models, anchor_us, generation, window_start_us, window_end_us, spent, held, deleted_us, warn_at, extra, extra_until_us) VALUES (1, 9, 6, 'total', 8000000000000, '30d', 'rolling', 'UTC', NULL, 1795348920000000, 1, 1795348920000000, 1797940920000000, 625000000000, 0, 0, '80', 0, NULL);
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852183705071, '060783da-018e-45ff-943a-0a394d7b1987');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852183734248, '49209d7e-1413-4030-9387-1941092ae46a');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852183765733, '3ab1180c-de14-47b9-926b-fbfd5a733fd9');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852183797393, 'b51fb7f0-89a6-4a0e-ade5-06b830b7f1d0');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852183817761, '67b36767-d153-4b01-a5bb-633334df18c5');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852183835671, '864221d0-5e0a-4f25-b857-606305d98b2e');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852183861369, '86308836-46ca-4aab-964b-873cce101684');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852183881920, 'f5132910-9829-4be8-bfd0-424ec9a11f62');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852183990776, '8d29aca4-77c7-4cae-bf6e-10e0bb620e27');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184007343, '3ce9f9c0-90ad-42fa-b2e5-e14e776745c4');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184017870, '9f09b425-dfe1-45f9-8fbc-224103e72d85');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184086093, 'f9ede528-59cb-4ced-a605-f445230219ea');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184127984, '247a4304-31a7-4606-853d-8e64e0022e38');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184179557, '7ae0fae7-d800-4a26-b2bf-6fba7519c192');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184203060, 'f436a4a2-dd0a-4a37-bcf8-2af7cec938db');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184309938, '19140e7d-0d1b-4b21-8a42-51064f8bbd28');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184503006, 'e4e12e7f-97f3-458c-b068-93106b5b98dd');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184599740, '6487f8e2-da86-43e2-a91a-3ea357f26b0f');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184622709, '10572dad-2987-4c3a-b4d1-33a29a71a6c4');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184681471, '302e8dd1-4711-4e49-a9be-6a0129608304');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184724500, 'c1fff7c3-cdce-46eb-a7e7-90cf541d24cf');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184750694, 'fb7fb09a-eddb-4b4d-aa00-b820dc57d878');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184802663, '16b4f798-b740-4043-b864-7e666418a423');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184822685, '222c045a-4509-4d15-8547-b00e3a54a7a7');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184861272, '7f2364fc-e9c6-4cdb-ad1b-cfb173482ee5');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184871362, 'e1edfa4f-1143-4b01-a20c-a853ebe3121c');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184881109, '2cbf6d55-6305-4d2d-8323-619887840f37');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184889458, '8a626087-d59b-496d-ae9c-93b8068de950');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184894923, '1a24c0d4-0d63-4afd-9df5-b23d5325ff86');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184915095, '3709ad30-c7bc-40d1-afa8-bb0d9fb17b12');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184965936, '4769fea2-b282-4425-be2b-cb0b539b6021');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852184997941, '7609653b-7d41-4b2f-9a9d-129f6c23d5f1');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852185046703, 'f849b877-2477-49a9-8c9c-74b8e6419054');
INSERT INTO budgetctl.marks (project, made_us, mark) VALUES (1, 1795852185085085, '5c8c348c-d9e7-4690-8847-b32f799eb0f2');
INSERT INTO budgetctl.migrations (version, step) VALUES (1, 'budgets, ledger, holds, top-ups, tokens, shadows');
INSERT INTO budgetctl.migrations (version, step) VALUES (2, 'what the planner takes the tables for');
INSERT INTO budgetctl.migrations (version, step) VALUES (3, 'patterns mean models by all of their names');
INSERT INTO budgetctl.migrations (version, step) VALUES (4, 'when the clock was said to be right');
INSERT INTO budgetctl.migrations (version, step) VALUES (5, 'sets of so many limits that no ordered index takes their names');
INSERT INTO budgetctl.model_matches (project, key, matches) VALUES (1, '\x5b79e9e8e7ee7025f5f9e18744f3ac7b3fdd9e5713ad1180108eda60d121a576', true);
INSERT INTO budgetctl.model_matches (project, key, matches) VALUES (1, '\x927d89b475926ec32687b9311659741ce9a7a66f3ed02708097bc0638c19ee70', true);
INSERT INTO budgetctl.model_matches (project, key, matches) VALUES (1, '\x95d6efd18a6d0fc984b4590c69ab9109050a7856fe5e67e2373fcf4a32f97b20', false);
INSERT INTO budgetctl.model_matches (project, key, matches) VALUES (1, '\x4f1a86cbd570745c15c15f7497278c789c9c938904b082d8cdd48ee6f9036a99', false);
INSERT INTO budgetctl.model_matches (project, key, matches) VALUES (1, '\x5aeb17413ca56d69e7ff8e1c563e3af989b99419b88cc2a2673cc2c6a790c60a', true);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 1, 1, 1, 250000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 2, 1, 1, 250000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 8, 1, 1, 250000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 1, 1, 3, 123);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 3, 1, 3, 123);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 8, 1, 3, 123);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 2, 1, 0, 5000000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 1, 1, 0, 5000000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 1, 1, 4, 750000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 3, 1, 4, 750000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 8, 1, 4, 750000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 3, 1, 2, 1700000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 4, 1, 5, 750000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 10, 1, 0, 400000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 11, 1, 0, 100000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 12, 1, 6, 250000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 12, 1, 5, 1000000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 1, 1, 7, 125000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 8, 1, 7, 125000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 2, 2, 7, 125000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 8, 1, 0, 5550000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 4, 1, 0, 50000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 1, 1, 2, 4200000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 3, 2, 2, 2500000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 8, 1, 2, 4200000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 3, 3, 2, 2500000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 4, 2, 6, 300000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 8, 1, 6, 300000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 8, 1, 5, 1375000000000);
INSERT INTO budgetctl.model_totals (project, limit_id, generation, model, spent) VALUES (1, 9, 1, 5, 625000000000);
INSERT INTO budgetctl.models (project, model, name) VALUES (1, 1, 'openai/gpt-4o');
INSERT INTO budgetctl.models (project, model, name) VALUES (1, 2, 'claude-sonnet-4-5');
INSERT INTO budgetctl.models (project, model, name) VALUES (1, 3, 'gpt-4o-mini');
INSERT INTO budgetctl.models (project, model, name) VALUES (1, 4, 'my-model');
INSERT INTO budgetctl.models (project, model, name) VALUES (1, 5, 'gpt-4o');
INSERT INTO budgetctl.models (project, model, name) VALUES (1, 6, 'o3');
INSERT INTO budgetctl.models (project, model, name) VALUES (1, 7, 'gpt-4o-2024-08-06');
INSERT INTO budgetctl.posting_sets (project, posting_set, members) VALUES (1, 1, '2:1,5:1,6:1,1:1,8:1');
INSERT INTO budgetctl.posting_sets (project, posting_set, members) VALUES (1, 2, '2:1,6:1,1:1,8:1');
INSERT INTO budgetctl.posting_sets (project, posting_set, members) VALUES (1, 3, '3:1,7:1,1:1,8:1');
INSERT INTO budgetctl.posting_sets (project, posting_set, members) VALUES (1, 4, '3:1,1:1,8:1');
INSERT INTO budgetctl.posting_sets (project, posting_set, members) VALUES (1, 5, '9:1,8:1');
INSERT INTO budgetctl.posting_sets (project, posting_set, members) VALUES (1, 6, '4:1,8:1');
INSERT INTO budgetctl.posting_sets (project, posting_set, members) VALUES (1, 7, '10:1,8:1');
INSERT INTO budgetctl.posting_sets (project, posting_set, members) VALUES (1, 8, '11:1,8:1');
INSERT INTO budgetctl.posting_sets (project, posting_set, members) VALUES (1, 9, '12:1');
INSERT INTO budgetctl.posting_sets (project, posting_set, members) VALUES (1, 10, '2:2,5:2,6:1,1:1,8:1');
INSERT INTO budgetctl.posting_sets (project, posting_set, members) VALUES (1, 11, '3:2,1:1,8:1');
INSERT INTO budgetctl.posting_sets (project, posting_set, members) VALUES (1, 12, '3:3');
INSERT INTO budgetctl.posting_sets (project, posting_set, members) VALUES (1, 13, '4:2,8:1');
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 1, 2, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 1, 5, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 1, 6, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 1, 1, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 1, 8, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 2, 2, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 2, 6, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 2, 1, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 2, 8, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 3, 3, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 3, 7, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 3, 1, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 3, 8, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 4, 3, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 4, 1, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 4, 8, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 5, 9, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 5, 8, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 6, 4, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 6, 8, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 7, 10, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 7, 8, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 8, 11, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 8, 8, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 9, 12, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 10, 2, 2);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 10, 5, 2);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 10, 6, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 10, 1, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 10, 8, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 11, 3, 2);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 11, 1, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 11, 8, 1);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 12, 3, 3);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 13, 4, 2);
INSERT INTO budgetctl.postings (project, posting_set, limit_id, generation) VALUES (1, 13, 8, 1);
INSERT INTO budgetctl.projects (project, name, reported_entry, created_us, confirmed_us) VALUES (1, 'p', 21, 1795348800000000, 1795438920000000);
INSERT INTO budgetctl.requests (project, digest, request, answer, at_us) VALUES (1, '\x6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b', '\x72727272727272727272727272727272', '{"answer": 1}', 1795348920000000);
INSERT INTO budgetctl.shadows (project, identity, limit_id, state, settle_us, updated_us) VALUES (1, 'session 0123456789abcdef0123456789abcdef', 4, '{"state":[5000000000000,null,1795438920000000,0,{},{}],"advanced_us":1795438920000000,"since_us":1795438920000000,"before":[5000000000000,null,null,750000000000,{"gpt-4o":750000000000},{}],"pending":null,"before_us":1795348920000000}', NULL, 1795438920000000);
INSERT INTO budgetctl.shadows (project, identity, limit_id, state, settle_us, updated_us) VALUES (1, 'process 1795348920000000', 9, '{"state":[8000000000000,30,1795348920000000,625000000000,{"gpt-4o":625000000000},{}],"advanced_us":1795438920000000,"since_us":0,"before":null,"pending":[8000000000000,30,1795348920000000,0,{},{}],"before_us":0}', 1795438922000000, 1795438920000000);
INSERT INTO budgetctl.tokens (id, project, digest, read_only, note, created_us, expires_us, revoked_us) VALUES ('00000000aa', 'p', '\x2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b', false, NULL, 1795348800000000, NULL, NULL);
INSERT INTO budgetctl.tokens (id, project, digest, read_only, note, created_us, expires_us, revoked_us) VALUES ('00000000bb', 'p', '\x2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b', true, NULL, 1795348800000000, 1803124800000000, 1795348800000001);
INSERT INTO budgetctl.told_thresholds (project, limit_id, generation, percent) VALUES (1, 2, 1, 50);
INSERT INTO budgetctl.top_ups (project, top_up, limit_id, number, amount, counts, burned, at_spent, expires_us, ended_generation) VALUES (1, 1, 2, 4, 5000000000000, 5000000000000, 0, 0, 1795953660000000, NULL);
INSERT INTO budgetctl.top_ups (project, top_up, limit_id, number, amount, counts, burned, at_spent, expires_us, ended_generation) VALUES (1, 2, 2, 5, 2000000000000, 0, 0, 5250000000000, NULL, 1);
INSERT INTO budgetctl.top_ups (project, top_up, limit_id, number, amount, counts, burned, at_spent, expires_us, ended_generation) VALUES (1, 3, 3, 5, 1000000000000, 200000000000, 200000000000, 2450000000123, 1795352460000000, 1);
SELECT pg_catalog.setval('budgetctl.entries_entry_seq', 29, true);
SELECT pg_catalog.setval('budgetctl.holders_holder_seq', 9, true);
SELECT pg_catalog.setval('budgetctl.holds_hold_seq', 6, true);
SELECT pg_catalog.setval('budgetctl.limits_limit_id_seq', 12, true);
SELECT pg_catalog.setval('budgetctl.models_model_seq', 7, true);
SELECT pg_catalog.setval('budgetctl.posting_sets_posting_set_seq', 13, true);
SELECT pg_catalog.setval('budgetctl.projects_project_seq', 1, true);
SELECT pg_catalog.setval('budgetctl.top_ups_top_up_seq', 3, true);
ALTER TABLE ONLY budgetctl.entries
    ADD CONSTRAINT entries_pkey PRIMARY KEY (project, entry);
ALTER TABLE ONLY budgetctl.entries
    ADD CONSTRAINT entries_project_holder_number_key UNIQUE (project, holder, number);
ALTER TABLE ONLY budgetctl.hold_postings
    ADD CONSTRAINT hold_postings_pkey PRIMARY KEY (project, limit_id, expires_us, hold);
ALTER TABLE ONLY budgetctl.holders
    ADD CONSTRAINT holders_pkey PRIMARY KEY (project, holder);
ALTER TABLE ONLY budgetctl.holders
    ADD CONSTRAINT holders_project_name_deleted_us_key UNIQUE (project, name, deleted_us);
ALTER TABLE ONLY budgetctl.holds
    ADD CONSTRAINT holds_pkey PRIMARY KEY (project, hold);
ALTER TABLE ONLY budgetctl.holds
    ADD CONSTRAINT holds_project_name_key UNIQUE (project, name);
ALTER TABLE ONLY budgetctl.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (project, holder, kind, digest);
ALTER TABLE ONLY budgetctl.limits
    ADD CONSTRAINT limits_pkey PRIMARY KEY (project, limit_id);
ALTER TABLE ONLY budgetctl.limits
    ADD CONSTRAINT limits_project_holder_name_deleted_us_key UNIQUE (project, holder, name, deleted_us);
ALTER TABLE ONLY budgetctl.marks
    ADD CONSTRAINT marks_pkey PRIMARY KEY (project, made_us, mark);
ALTER TABLE ONLY budgetctl.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY budgetctl.model_matches
    ADD CONSTRAINT model_matches_pkey PRIMARY KEY (project, key);
ALTER TABLE ONLY budgetctl.model_totals
    ADD CONSTRAINT model_totals_pkey PRIMARY KEY (project, limit_id, generation, model);
ALTER TABLE ONLY budgetctl.models
    ADD CONSTRAINT models_pkey PRIMARY KEY (project, model);
ALTER TABLE ONLY budgetctl.models
    ADD CONSTRAINT models_project_name_key UNIQUE (project, name);
ALTER TABLE ONLY budgetctl.posting_sets
    ADD CONSTRAINT posting_sets_pkey PRIMARY KEY (project, posting_set);
ALTER TABLE ONLY budgetctl.postings
    ADD CONSTRAINT postings_pkey PRIMARY KEY (project, posting_set, limit_id);
ALTER TABLE ONLY budgetctl.projects
    ADD CONSTRAINT projects_name_key UNIQUE (name);
ALTER TABLE ONLY budgetctl.projects
    ADD CONSTRAINT projects_pkey PRIMARY KEY (project);
ALTER TABLE ONLY budgetctl.requests
    ADD CONSTRAINT requests_pkey PRIMARY KEY (project, digest);
ALTER TABLE ONLY budgetctl.shadows
    ADD CONSTRAINT shadows_pkey PRIMARY KEY (project, identity, limit_id);
ALTER TABLE ONLY budgetctl.tokens
    ADD CONSTRAINT tokens_pkey PRIMARY KEY (id);
ALTER TABLE ONLY budgetctl.told_thresholds
    ADD CONSTRAINT told_thresholds_pkey PRIMARY KEY (project, limit_id, generation, percent);
ALTER TABLE ONLY budgetctl.top_ups
    ADD CONSTRAINT top_ups_pkey PRIMARY KEY (project, top_up);
CREATE INDEX entries_corrections ON budgetctl.entries USING btree (project, holder, refers_to) WHERE (refers_to IS NOT NULL);
CREATE INDEX entries_resets ON budgetctl.entries USING btree (project, entry) WHERE (closed_limit IS NOT NULL);
CREATE INDEX hold_postings_by_hold ON budgetctl.hold_postings USING btree (project, hold);
CREATE INDEX holders_by_parent ON budgetctl.holders USING btree (project, parent) WHERE (parent IS NOT NULL);
CREATE INDEX holds_by_holder ON budgetctl.holds USING btree (project, holder, hold);
CREATE INDEX holds_open ON budgetctl.holds USING btree (project, hold) WHERE (state = 'open'::text);
CREATE INDEX posting_sets_by_members ON budgetctl.posting_sets USING hash (members);
CREATE UNIQUE INDEX posting_sets_once ON budgetctl.posting_sets USING btree (project, sha256((members)::bytea));
CREATE INDEX postings_by_limit ON budgetctl.postings USING btree (project, limit_id, generation);
CREATE INDEX requests_by_time ON budgetctl.requests USING btree (project, at_us);
CREATE INDEX shadows_unsettled ON budgetctl.shadows USING btree (project, settle_us) WHERE (settle_us IS NOT NULL);
CREATE INDEX top_ups_by_limit ON budgetctl.top_ups USING btree (project, limit_id, ended_generation);
ALTER TABLE ONLY budgetctl.holders
    ADD CONSTRAINT holders_project_fkey FOREIGN KEY (project) REFERENCES budgetctl.projects(project);
ALTER TABLE ONLY budgetctl.holders
    ADD CONSTRAINT holders_project_parent_fkey FOREIGN KEY (project, parent) REFERENCES budgetctl.holders(project, holder);
ALTER TABLE ONLY budgetctl.limits
    ADD CONSTRAINT limits_project_holder_fkey FOREIGN KEY (project, holder) REFERENCES budgetctl.holders(project, holder);
ALTER TABLE ONLY budgetctl.model_matches
    ADD CONSTRAINT model_matches_project_fkey FOREIGN KEY (project) REFERENCES budgetctl.projects(project);
ALTER TABLE ONLY budgetctl.models
    ADD CONSTRAINT models_project_fkey FOREIGN KEY (project) REFERENCES budgetctl.projects(project);
ALTER TABLE ONLY budgetctl.posting_sets
    ADD CONSTRAINT posting_sets_project_fkey FOREIGN KEY (project) REFERENCES budgetctl.projects(project);
ALTER TABLE ONLY budgetctl.postings
    ADD CONSTRAINT postings_project_limit_id_fkey FOREIGN KEY (project, limit_id) REFERENCES budgetctl.limits(project, limit_id);
ALTER TABLE ONLY budgetctl.postings
    ADD CONSTRAINT postings_project_posting_set_fkey FOREIGN KEY (project, posting_set) REFERENCES budgetctl.posting_sets(project, posting_set);
ALTER TABLE ONLY budgetctl.shadows
    ADD CONSTRAINT shadows_project_limit_id_fkey FOREIGN KEY (project, limit_id) REFERENCES budgetctl.limits(project, limit_id);
ALTER TABLE ONLY budgetctl.told_thresholds
    ADD CONSTRAINT told_thresholds_project_limit_id_fkey FOREIGN KEY (project, limit_id) REFERENCES budgetctl.limits(project, limit_id);
ALTER TABLE ONLY budgetctl.top_ups
    ADD CONSTRAINT top_ups_project_limit_id_fkey FOREIGN KEY (project, limit_id) REFERENCES budgetctl.limits(project, limit_id);
