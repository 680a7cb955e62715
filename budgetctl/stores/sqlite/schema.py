"""The schema of a SQLite store: its tables, and the numbered steps to them, which are never edited once released.

Rules for all tables: each has `project`, which leads every key where one database serves many projects; the project is
checked where it enters, not again in each row of an account or limit. Columns that are joined are integers. Amounts are
picodollars. Instants are microseconds since 1970, UTC.
"""

from __future__ import annotations

from pathlib import Path

MIGRATIONS: tuple[tuple[str, str], ...] = (
    (
        "budgets, ledger, holds",
        """
        CREATE TABLE projects (
            project INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            reported_entry INTEGER NOT NULL DEFAULT 0, -- resets up to here were printed by reset-due
            created_us INTEGER NOT NULL
        ) STRICT;

        -- A user's budget. A deleted one keeps its row and entries; its name is free for a new holder.
        CREATE TABLE holders (
            project INTEGER NOT NULL REFERENCES projects,
            holder INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            parent INTEGER REFERENCES holders,
            last_number INTEGER NOT NULL DEFAULT 0,
            extra TEXT,
            created_us INTEGER NOT NULL,
            updated_us INTEGER NOT NULL,
            deleted_us INTEGER NOT NULL DEFAULT 0,
            UNIQUE (project, name, deleted_us)
        ) STRICT;
        CREATE INDEX holders_by_parent ON holders (project, parent) WHERE parent IS NOT NULL;

        -- spent is the sum of the postings of (limit_id, generation); held that of hold_postings.
        CREATE TABLE limits (
            project INTEGER NOT NULL,
            limit_id INTEGER PRIMARY KEY,
            holder INTEGER NOT NULL REFERENCES holders,
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
            UNIQUE (holder, name, deleted_us)
        ) STRICT;

        CREATE TABLE models (
            project INTEGER NOT NULL REFERENCES projects,
            model INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            UNIQUE (project, name)
        ) STRICT;

        -- What an entry counts against. The set of (limit, generation) pairs is interned, as all entries of a user
        -- between two resets share it; members is its canonical text.
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

        -- entry is the order of recording; people see number, which has no gaps within a holder.
        -- The closed columns are a reset's: the generation that it ended.
        CREATE TABLE entries (
            project INTEGER NOT NULL,
            entry INTEGER PRIMARY KEY,
            holder INTEGER NOT NULL REFERENCES holders,
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
            UNIQUE (holder, number)
        ) STRICT;
        CREATE INDEX entries_resets ON entries (project, entry) WHERE closed_limit IS NOT NULL;

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
            holder INTEGER NOT NULL REFERENCES holders,
            kind TEXT NOT NULL,
            digest BLOB NOT NULL CHECK (length(digest) = 16),
            request BLOB NOT NULL CHECK (length(request) = 16),
            number INTEGER NOT NULL,
            PRIMARY KEY (holder, kind, digest)
        ) STRICT, WITHOUT ROWID;

        -- Money set aside. It counts against each limit of hold_postings until it is resolved or has expired.
        CREATE TABLE holds (
            project INTEGER NOT NULL,
            hold INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            holder INTEGER NOT NULL REFERENCES holders,
            amount INTEGER NOT NULL CHECK (amount >= 0),
            model INTEGER REFERENCES models,
            state TEXT NOT NULL CHECK (state IN ('open', 'committed', 'released', 'expired')),
            number INTEGER, -- the entry that its commit made
            note TEXT,
            created_us INTEGER NOT NULL,
            expires_us INTEGER NOT NULL,
            resolved_us INTEGER,
            UNIQUE (project, name)
        ) STRICT;
        CREATE INDEX holds_by_holder ON holds (holder, hold);
        CREATE TABLE hold_postings (
            project INTEGER NOT NULL,
            limit_id INTEGER NOT NULL REFERENCES limits,
            expires_us INTEGER NOT NULL,
            hold INTEGER NOT NULL REFERENCES holds,
            amount INTEGER NOT NULL,
            PRIMARY KEY (limit_id, expires_us, hold)
        ) STRICT, WITHOUT ROWID;
        """,
    ),
    (
        "corrections are found by the entry they refer to",
        "CREATE INDEX entries_corrections ON entries (holder, refers_to) WHERE refers_to IS NOT NULL;",
    ),
    (
        "holds are found by those that count now, and what they count against by the hold",
        """
        CREATE INDEX holds_open ON holds (project, hold) WHERE state = 'open';
        CREATE INDEX hold_postings_by_hold ON hold_postings (hold);
        """,
    ),
    (
        "soft limits",
        """
        ALTER TABLE limits ADD COLUMN warn_at TEXT; -- percents, as in 50,80; NULL is the default
        CREATE TABLE told_thresholds (
            project INTEGER NOT NULL,
            limit_id INTEGER NOT NULL REFERENCES limits,
            generation INTEGER NOT NULL,
            percent INTEGER NOT NULL,
            PRIMARY KEY (limit_id, generation, percent)
        ) STRICT, WITHOUT ROWID;
        """,
    ),
    (
        "top-ups",
        """
        -- What top-ups add to the amount in this generation, and when the first of them expires.
        ALTER TABLE limits ADD COLUMN extra INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE limits ADD COLUMN extra_until_us INTEGER;
        CREATE TABLE top_ups (
            project INTEGER NOT NULL,
            top_up INTEGER PRIMARY KEY,
            limit_id INTEGER NOT NULL REFERENCES limits,
            number INTEGER NOT NULL, -- the entry that made it
            amount INTEGER NOT NULL CHECK (amount >= 0),
            counts INTEGER NOT NULL, -- extra is the sum of these, of those that have not ended before
            burned INTEGER NOT NULL, -- of that, when the limit had spent at_spent
            at_spent INTEGER NOT NULL,
            expires_us INTEGER, -- NULL: when a window passes
            ended_generation INTEGER
        ) STRICT;
        CREATE INDEX top_ups_by_limit ON top_ups (limit_id, ended_generation);
        """,
    ),
    (
        "shadows of what litellm's hosted clients have posted",
        """
        -- limit_id is of the budget's primary limit: a budget that is created again has another one.
        CREATE TABLE shadows (
            project INTEGER NOT NULL REFERENCES projects,
            identity TEXT NOT NULL,
            limit_id INTEGER NOT NULL REFERENCES limits,
            state TEXT NOT NULL,
            settle_us INTEGER, -- when what it says is decided without another save
            updated_us INTEGER NOT NULL,
            PRIMARY KEY (project, identity, limit_id)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX shadows_unsettled ON shadows (project, settle_us) WHERE settle_us IS NOT NULL;
        """,
    ),
    (
        "answers of requests over a network, for a day",
        """
        CREATE TABLE requests (
            project INTEGER NOT NULL REFERENCES projects,
            digest BLOB NOT NULL CHECK (length(digest) = 16),
            request BLOB NOT NULL CHECK (length(request) = 16),
            answer TEXT NOT NULL,
            at_us INTEGER NOT NULL,
            PRIMARY KEY (project, digest)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX requests_by_time ON requests (project, at_us);
        """,
    ),
    (
        "when somebody said that the clock is right",
        "ALTER TABLE projects ADD COLUMN confirmed_us INTEGER NOT NULL DEFAULT 0;",
    ),
    (
        "told thresholds with their project last: SQLite 3.40 checks a file as if it were NULL where it is first",
        """
        CREATE TABLE told (
            limit_id INTEGER NOT NULL REFERENCES limits,
            generation INTEGER NOT NULL,
            percent INTEGER NOT NULL,
            project INTEGER NOT NULL,
            PRIMARY KEY (limit_id, generation, percent)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO told SELECT limit_id, generation, percent, project FROM told_thresholds;
        DROP TABLE told_thresholds;
        ALTER TABLE told RENAME TO told_thresholds;
        """,
    ),
    (
        "one word for one thing: accounts, and money that is topped up",
        """
        ALTER TABLE holders RENAME TO accounts;
        ALTER TABLE accounts RENAME COLUMN holder TO account;
        ALTER TABLE limits RENAME COLUMN holder TO account;
        ALTER TABLE entries RENAME COLUMN holder TO account;
        ALTER TABLE idempotency_keys RENAME COLUMN holder TO account;
        ALTER TABLE holds RENAME COLUMN holder TO account;
        ALTER TABLE limits RENAME COLUMN extra TO topped_up;
        ALTER TABLE limits RENAME COLUMN extra_until_us TO topped_up_until_us;
        ALTER TABLE shadows RENAME COLUMN settle_us TO conclude_us;
        DROP INDEX holders_by_parent;
        CREATE INDEX accounts_by_parent ON accounts (project, parent) WHERE parent IS NOT NULL;
        DROP INDEX holds_by_holder;
        CREATE INDEX holds_by_account ON holds (account, hold);
        DROP INDEX shadows_unsettled;
        CREATE INDEX shadows_pending ON shadows (project, conclude_us) WHERE conclude_us IS NOT NULL;
        """,
    ),
    (
        "when entries happened, what made them, whose calls they are, and their tokens",
        """
        ALTER TABLE accounts ADD COLUMN parent_since_us INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE limits ADD COLUMN generation_start_us INTEGER NOT NULL DEFAULT 0;
        UPDATE limits SET generation_start_us = MAX(window_start_us, anchor_us, COALESCE((
            SELECT MAX(e.closed_end_us) FROM entries e WHERE e.account = limits.account
                AND e.closed_limit = limits.limit_id AND e.closed_generation = limits.generation - 1), 0));
        ALTER TABLE entries ADD COLUMN recorded_us INTEGER;
        ALTER TABLE entries ADD COLUMN caller_key TEXT;
        ALTER TABLE entries ADD COLUMN hold INTEGER REFERENCES holds;
        ALTER TABLE entries ADD COLUMN changed TEXT;
        ALTER TABLE entries ADD COLUMN input_tokens INTEGER;
        ALTER TABLE entries ADD COLUMN cache_read_tokens INTEGER;
        ALTER TABLE entries ADD COLUMN cache_write_tokens INTEGER;
        ALTER TABLE entries ADD COLUMN output_tokens INTEGER;
        ALTER TABLE entries ADD COLUMN reasoning_tokens INTEGER;
        UPDATE entries SET hold = o.hold FROM holds o
            WHERE o.state = 'committed' AND entries.account = o.account AND entries.number = o.number;
        CREATE TABLE identities (
            project INTEGER NOT NULL REFERENCES projects,
            digest BLOB NOT NULL CHECK (length(digest) = 16),
            account INTEGER NOT NULL REFERENCES accounts,
            number INTEGER NOT NULL,
            is_first INTEGER NOT NULL,
            PRIMARY KEY (project, digest)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX entries_by_time ON entries (at_us); -- with the project first, it would be taken for every question
        """,
    ),
    (
        "entries whose tokens nobody has counted: none, once all of them are",
        "CREATE INDEX entries_uncounted ON entries (project, entry) WHERE usage IS NOT NULL AND input_tokens IS NULL;",
    ),
    (
        "holds of as much as is there",
        """
        ALTER TABLE holds ADD COLUMN at_most INTEGER;
        ALTER TABLE holds ADD COLUMN at_least INTEGER;
        """,
    ),
)

VERSION = len(MIGRATIONS)
"""The schema version that this budgetctl writes. A store with a higher one is refused."""

WHOLE = 13
"""After how many steps the tables are those of `whole_schema`."""


def whole_schema() -> str:
    """The tables of a new store, made at once: each step costs a write to the disk, and each renaming much parsing."""
    return Path(__file__).with_name("schema.sql").read_text("utf-8")
