-- When entries happened, what made them, whose calls they are, and their tokens. What older versions write has none of it.
ALTER TABLE accounts ADD COLUMN parent_since_us bigint NOT NULL DEFAULT 0; -- when it came under its parent
ALTER TABLE limits ADD COLUMN generation_start_us bigint NOT NULL DEFAULT 0; -- what happened before counts in an earlier one
UPDATE limits SET generation_start_us = GREATEST(window_start_us, anchor_us, (
    SELECT MAX(e.closed_end_us) FROM entries e WHERE e.project = limits.project AND e.account = limits.account
        AND e.closed_limit = limits.limit_id AND e.closed_generation = limits.generation - 1));
ALTER TABLE entries
    ADD COLUMN recorded_us bigint, -- where that is later than when it happened
    ADD COLUMN caller_key text COLLATE "C",
    ADD COLUMN hold bigint,
    ADD COLUMN changed text, -- terms that were changed, and by whom
    ADD COLUMN input_tokens bigint, -- NULL where nobody has counted them yet
    ADD COLUMN cache_read_tokens bigint,
    ADD COLUMN cache_write_tokens bigint,
    ADD COLUMN output_tokens bigint,
    ADD COLUMN reasoning_tokens bigint;
CREATE INDEX entries_by_time ON entries (project, at_us);
CREATE INDEX entries_uncounted ON entries (project, entry) WHERE usage IS NOT NULL AND input_tokens IS NULL;

-- What those who answer calls name them, as digests: the entry of a call's first record. is_first says that it is what
-- tells that record from others.
CREATE TABLE identities (
    project bigint NOT NULL REFERENCES projects,
    digest bytea NOT NULL,
    account bigint NOT NULL,
    number bigint NOT NULL,
    is_first bigint NOT NULL,
    PRIMARY KEY (project, digest)
);
ALTER TABLE identities ALTER COLUMN project SET (n_distinct = 1);

-- Older versions, which may go on beside this one, know nothing of when a generation starts. A manual reset is told from
-- the passing of a window by its window, which stays, and from a change of duration, alignment or zone by these.
CREATE FUNCTION start_generation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.generation_start_us = 0 THEN
            NEW.generation_start_us := GREATEST(NEW.anchor_us, NEW.window_start_us);
        END IF;
    ELSIF NEW.generation <> OLD.generation AND NEW.generation_start_us = OLD.generation_start_us THEN
        NEW.generation_start_us := CASE WHEN NEW.window_start_us = OLD.window_start_us AND NEW.spent = 0
                AND (NEW.duration, NEW.align, NEW.zone) IS NOT DISTINCT FROM (OLD.duration, OLD.align, OLD.zone)
            THEN (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
            ELSE GREATEST(OLD.generation_start_us, NEW.window_start_us) END;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER start_generation BEFORE INSERT OR UPDATE OF generation ON limits
    FOR EACH ROW EXECUTE FUNCTION start_generation();

CREATE FUNCTION come_under_parent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.parent IS DISTINCT FROM OLD.parent AND NEW.parent_since_us = OLD.parent_since_us
        AND NEW.updated_us <> OLD.updated_us -- who is created under a parent has never stood elsewhere
    THEN
        NEW.parent_since_us := CASE WHEN NEW.parent IS NULL THEN 0 ELSE NEW.updated_us END;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER come_under_parent BEFORE UPDATE OF parent ON accounts
    FOR EACH ROW EXECUTE FUNCTION come_under_parent();
