-- Whether a pattern means a call's model, by all names that the call has for it, as Python has found: see match_key(). What
-- was remembered before went by one name, spelled as it was, and is worked out anew.
DROP TABLE pattern_matches;
CREATE TABLE model_matches (
    project bigint NOT NULL REFERENCES projects,
    key bytea NOT NULL,
    matches boolean NOT NULL,
    PRIMARY KEY (project, key)
);
ALTER TABLE model_matches ALTER COLUMN project SET (n_distinct = 1);
