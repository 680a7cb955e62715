-- Sets of many limits. A user with eight above it may have some hundreds, whose names are longer than the 2,700 bytes
-- that a row of an ordered index has: so a set is looked for by a hash of its members, which has no such bound, and kept
-- from being made twice by a digest. No two projects have a limit in common, so that the hash can do without them.
ALTER TABLE posting_sets DROP CONSTRAINT posting_sets_project_members_key;
CREATE INDEX posting_sets_by_members ON posting_sets USING hash (members);
CREATE UNIQUE INDEX posting_sets_once ON posting_sets (project, sha256(members::bytea));
