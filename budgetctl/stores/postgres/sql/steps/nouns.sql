-- One word for one thing: whoever has limits is an account; what top-ups add is topped up, as `extra` is a caller's own.
ALTER TABLE holders RENAME TO accounts;
ALTER TABLE accounts RENAME COLUMN holder TO account;
ALTER TABLE limits RENAME COLUMN holder TO account;
ALTER TABLE entries RENAME COLUMN holder TO account;
ALTER TABLE idempotency_keys RENAME COLUMN holder TO account;
ALTER TABLE holds RENAME COLUMN holder TO account;
ALTER TABLE limits RENAME COLUMN extra TO topped_up;
ALTER TABLE limits RENAME COLUMN extra_until_us TO topped_up_until_us;
ALTER TABLE shadows RENAME COLUMN settle_us TO conclude_us;
ALTER INDEX holders_by_parent RENAME TO accounts_by_parent;
ALTER INDEX holds_by_holder RENAME TO holds_by_account;
ALTER INDEX shadows_unsettled RENAME TO shadows_pending;

-- Functions and types that stood beside the tables, of code that has them no more: they use the names of before.
DO $$
DECLARE
    each record;
BEGIN
    FOR each IN SELECT p.oid::regprocedure AS name FROM pg_proc p WHERE p.pronamespace = 'budgetctl'::regnamespace LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s CASCADE', each.name);
    END LOOP;
    FOR each IN
        SELECT t.oid::regtype AS name FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid
        WHERE t.typnamespace = 'budgetctl'::regnamespace AND c.relkind = 'c'
    LOOP
        EXECUTE format('DROP TYPE IF EXISTS %s CASCADE', each.name);
    END LOOP;
END $$;
