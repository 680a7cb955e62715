-- When somebody said that the clock is right, in microseconds since 1970.
ALTER TABLE projects ADD COLUMN confirmed_us bigint NOT NULL DEFAULT 0;
