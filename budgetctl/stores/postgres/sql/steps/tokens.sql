-- What people call a token in its project, and when it was used last, in microseconds since 1970, to the minute.
ALTER TABLE tokens ADD COLUMN name text COLLATE "C";
ALTER TABLE tokens ADD COLUMN used_us bigint;
