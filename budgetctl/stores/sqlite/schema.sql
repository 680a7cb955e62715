-- The tables of a new store: as they are after the last step of schema.py, against which tests/stores/test_schemas.py
-- holds them. A step that is added there is written down here as well, and the number in `WHOLE` goes up.

CREATE TABLE projects (
    project INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    reported_entry INTEGER NOT NULL DEFAULT 0, -- resets up to here were printed by reset-due
    created_us INTEGER NOT NULL,
    confirmed_us INTEGER NOT NULL DEFAULT 0 -- when somebody said that the clock is right
) STRICT;

-- A user's budget, or the project's own, without a name. A deleted one keeps its row and entries; its name is free.
CREATE TABLE accounts (
    project INTEGER NOT NULL REFERENCES projects,
    account INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    parent INTEGER REFERENCES accounts,
    last_number INTEGER NOT NULL DEFAULT 0,
    extra TEXT, -- keys of a caller's own
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    deleted_us INTEGER NOT NULL DEFAULT 0,
    parent_since_us INTEGER NOT NULL DEFAULT 0, -- when it came under its parent
    UNIQUE (project, name, deleted_us)
) STRICT;
CREATE INDEX accounts_by_parent ON accounts (project, parent) WHERE parent IS NOT NULL;

-- spent is the sum of the postings of (limit_id, generation); held that of hold_postings; topped_up that of top_ups.
CREATE TABLE limits (
    project INTEGER NOT NULL,
    limit_id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts,
    name TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    duration TEXT,
    align TEXT NOT NULL CHECK (align IN ('rolling', 'calendar')),
    zone TEXT NOT NULL,
    models TEXT,
    anchor_us INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    window_start_us INTEGER NOT NULL,
    window_end_us INTEGER,
    spent INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0,
    deleted_us INTEGER NOT NULL DEFAULT 0,
    warn_at TEXT, -- percents, as in 50,80; NULL is the default
    topped_up INTEGER NOT NULL DEFAULT 0,
    topped_up_until_us INTEGER, -- when the first of the top-ups in it expires
    generation_start_us INTEGER NOT NULL DEFAULT 0, -- what happened before counts in an earlier one, or in none
    UNIQUE (account, name, deleted_us)
) STRICT;

CREATE TABLE models (
    project INTEGER NOT NULL REFERENCES projects,
    model INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    UNIQUE (project, name)
) STRICT;

-- What an entry counts against. The set of (limit, generation) pairs is interned, as all entries of a user between two
-- resets share it; members is its canonical text.
CREATE TABLE posting_sets (
    project INTEGER NOT NULL REFERENCES projects,
    posting_set INTEGER PRIMARY KEY,
    members TEXT NOT NULL,
    UNIQUE (project, members)
) STRICT;
CREATE TABLE postings (
    project INTEGER NOT NULL,
    posting_set INTEGER NOT NULL REFERENCES posting_sets,
    limit_id INTEGER NOT NULL REFERENCES limits,
    generation INTEGER NOT NULL,
    PRIMARY KEY (posting_set, limit_id)
) STRICT, WITHOUT ROWID;

-- entry is the order of recording; people see number, which has no gaps within an account. at_us is when it happened,
-- recorded_us when it was recorded, where that is later. The closed columns are a reset's: the generation that it ended.
-- Of the tokens in usage, the token columns leave out those that are in an entry which this one refers to; they are NULL
-- where nobody has counted them yet.
CREATE TABLE entries (
    project INTEGER NOT NULL,
    entry INTEGER PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    model INTEGER REFERENCES models,
    posting_set INTEGER REFERENCES posting_sets,
    refers_to INTEGER,
    usage TEXT,
    pricing TEXT,
    note TEXT,
    closed_limit INTEGER REFERENCES limits,
    closed_generation INTEGER,
    closed_start_us INTEGER,
    closed_end_us INTEGER,
    closed_spent INTEGER,
    recorded_us INTEGER,
    caller_key TEXT,
    hold INTEGER REFERENCES holds,
    changed TEXT, -- terms that were changed, and by whom
    input_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_tokens INTEGER,
    output_tokens INTEGER,
    reasoning_tokens INTEGER,
    UNIQUE (account, number)
) STRICT;
CREATE INDEX entries_by_time ON entries (at_us); -- with the project first, SQLite would take it for every question
CREATE INDEX entries_uncounted ON entries (project, entry) WHERE usage IS NOT NULL AND input_tokens IS NULL;
CREATE INDEX entries_resets ON entries (project, entry) WHERE closed_limit IS NOT NULL;
CREATE INDEX entries_corrections ON entries (account, refers_to) WHERE refers_to IS NOT NULL;

-- What the primary limit's generations spent, by model; 0 stands for entries without one.
CREATE TABLE model_totals (
    project INTEGER NOT NULL,
    limit_id INTEGER NOT NULL REFERENCES limits,
    generation INTEGER NOT NULL,
    model INTEGER NOT NULL,
    spent INTEGER NOT NULL,
    PRIMARY KEY (limit_id, generation, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_keys (
    project INTEGER NOT NULL,
    account INTEGER NOT NULL REFERENCES accounts,
    kind TEXT NOT NULL,
    digest BLOB NOT NULL CHECK (length(digest) = 16),
    request BLOB NOT NULL CHECK (length(request) = 16),
    number INTEGER NOT NULL,
    PRIMARY KEY (account, kind, digest)
) STRICT, WITHOUT ROWID;

-- What those who answer calls name them, as digests: the entry of a call's first record. is_first says that it is what
-- tells that record from others.
CREATE TABLE identities (
    project INTEGER NOT NULL REFERENCES projects,
    digest BLOB NOT NULL CHECK (length(digest) = 16),
    account INTEGER NOT NULL REFERENCES accounts,
    number INTEGER NOT NULL,
    is_first INTEGER NOT NULL,
    PRIMARY KEY (project, digest)
) STRICT, WITHOUT ROWID;

-- Money set aside. It counts against each limit of hold_postings until it is resolved or has expired.
CREATE TABLE holds (
    project INTEGER NOT NULL,
    hold INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    account INTEGER NOT NULL REFERENCES accounts,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    model INTEGER REFERENCES models,
    state TEXT NOT NULL CHECK (state IN ('open', 'committed', 'released', 'expired')),
    number INTEGER, -- the entry that its commit made
    note TEXT,
    created_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    resolved_us INTEGER,
    at_most INTEGER, -- of a hold of as much as was there
    at_least INTEGER,
    UNIQUE (project, name)
) STRICT;
CREATE INDEX holds_by_account ON holds (account, hold);
CREATE INDEX holds_open ON holds (project, hold) WHERE state = 'open';
CREATE TABLE hold_postings (
    project INTEGER NOT NULL,
    limit_id INTEGER NOT NULL REFERENCES limits,
    expires_us INTEGER NOT NULL,
    hold INTEGER NOT NULL REFERENCES holds,
    amount INTEGER NOT NULL,
    PRIMARY KEY (limit_id, expires_us, hold)
) STRICT, WITHOUT ROWID;
CREATE INDEX hold_postings_by_hold ON hold_postings (hold);

-- Soft limits that were told of. The project is last: SQLite 3.40 checks a file as if it were NULL where it is first.
CREATE TABLE told_thresholds (
    limit_id INTEGER NOT NULL REFERENCES limits,
    generation INTEGER NOT NULL,
    percent INTEGER NOT NULL,
    project INTEGER NOT NULL,
    PRIMARY KEY (limit_id, generation, percent)
) STRICT, WITHOUT ROWID;

CREATE TABLE top_ups (
    project INTEGER NOT NULL,
    top_up INTEGER PRIMARY KEY,
    limit_id INTEGER NOT NULL REFERENCES limits,
    number INTEGER NOT NULL, -- the entry that made it
    amount INTEGER NOT NULL CHECK (amount >= 0),
    counts INTEGER NOT NULL, -- topped_up is the sum of these, of those that have not ended before
    burned INTEGER NOT NULL, -- of that, when the limit had spent at_spent
    at_spent INTEGER NOT NULL,
    expires_us INTEGER, -- NULL: when a window passes
    ended_generation INTEGER
) STRICT;
CREATE INDEX top_ups_by_limit ON top_ups (limit_id, ended_generation);

-- What litellm's hosted clients have posted. limit_id is of the budget's primary limit: a budget that is created again
-- has another one.
CREATE TABLE shadows (
    project INTEGER NOT NULL REFERENCES projects,
    identity TEXT NOT NULL,
    limit_id INTEGER NOT NULL REFERENCES limits,
    state TEXT NOT NULL,
    conclude_us INTEGER, -- when what it says is decided without another save
    updated_us INTEGER NOT NULL,
    PRIMARY KEY (project, identity, limit_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX shadows_pending ON shadows (project, conclude_us) WHERE conclude_us IS NOT NULL;

-- Answers of requests over a network, for a day.
CREATE TABLE requests (
    project INTEGER NOT NULL REFERENCES projects,
    digest BLOB NOT NULL CHECK (length(digest) = 16),
    request BLOB NOT NULL CHECK (length(request) = 16),
    answer TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    PRIMARY KEY (project, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_by_time ON requests (project, at_us);
