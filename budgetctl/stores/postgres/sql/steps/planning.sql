-- A plan that is kept does not know which project it will be used for. By the average of many small projects, it would
-- read all rows of a large one: let it take every project for the whole table, and look for the rest of the key.
--
-- That counts from when a table is analysed, which PostgreSQL does in its own time. So that the first plans are good too,
-- the tables are analysed here with rows in them, nearly all of which then go. A step of its own: only a table that was
-- there before has its size forgotten by TRUNCATE, and is not planned for as empty until it is filled.
DO $$
DECLARE
    tables text;
    each_table record;
BEGIN
    LOCK TABLE projects; -- so that nobody begins to use it before the rows are gone again
    IF EXISTS (SELECT FROM projects) THEN
        RETURN; -- it is in use
    END IF;
    INSERT INTO projects (project, name, created_us) VALUES (1, '', 0);
    FOR each_table IN
        SELECT c.table_name AS name,
            string_agg(quote_ident(c.column_name), ', ' ORDER BY c.ordinal_position) AS columns,
            string_agg(
                CASE
                    WHEN c.column_name = 'project' THEN '1'
                    WHEN c.data_type = 'boolean' THEN 'false'
                    WHEN c.data_type = 'bytea' THEN 'n::text::bytea'
                    WHEN c.data_type = 'uuid' THEN 'lpad(n::text, 32, ''0'')::uuid'
                    ELSE 'n::' || c.data_type
                END, ', ' ORDER BY c.ordinal_position) AS row
        FROM information_schema.columns c
        WHERE c.table_schema = current_schema() AND EXISTS (
            SELECT FROM information_schema.columns k
            WHERE k.table_schema = c.table_schema AND k.table_name = c.table_name
                AND k.column_name = 'project' AND k.data_type = 'bigint'
        ) AND c.table_name <> 'projects'
        GROUP BY c.table_name ORDER BY (quote_ident(c.table_name)::regclass)::oid -- what is referred to comes first
    LOOP
        EXECUTE format('ALTER TABLE %I ALTER COLUMN project SET (n_distinct = 1)', each_table.name);
        EXECUTE format('INSERT INTO %I (%s) SELECT %s FROM generate_series(1, 1000) AS n',
            each_table.name, each_table.columns, each_table.row);
        EXECUTE format('ANALYZE %I (project)', each_table.name);
        tables := concat_ws(', ', tables, quote_ident(each_table.name));
    END LOOP;
    EXECUTE format('TRUNCATE projects, %s', tables);
    -- Few tables are ever empty again. This one is whenever nothing is held, and if it is analysed then, all its indexes look
    -- as good for all that is asked: so some rows stay, of no project.
    INSERT INTO hold_postings (project, limit_id, expires_us, hold, amount)
        SELECT 0, n, 0, -n, 0 FROM generate_series(1, 10) AS n;
END $$;
