-- The roles of the portal. The owner migrates and makes providers' schemas. The app reads and
-- writes rows and nothing else: it can't create, alter or drop anything, nor disable a trigger. The
-- backup copies the files and receives the log; it writes nothing and reads no table by SQL.
-- The cluster's superuser runs this in the portal's database; a second run sets the passwords again.
-- Needs psql, and the variables OWNER_PASSWORD_FILE, APP_PASSWORD_FILE and BACKUP_PASSWORD_FILE; where
-- there are several database servers DATABASE_SERVERS too, as in .env.
\set ON_ERROR_STOP on
\set owner_password `cat "$OWNER_PASSWORD_FILE"`
\set app_password `cat "$APP_PASSWORD_FILE"`
\set backup_password `cat "$BACKUP_PASSWORD_FILE"`
SELECT least(length(:'owner_password'), length(:'app_password'), length(:'backup_password')) = 0
    AS is_empty \gset
\if :is_empty
    \warn 'OWNER_, APP_ and BACKUP_PASSWORD_FILE must each name a file with a password.'
    SELECT 1 / 0 AS "a password is missing";
\endif

SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY['mtp_owner', 'mtp_app', 'mtp_backup']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE mtp_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS
    PASSWORD :'owner_password';
ALTER ROLE mtp_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'app_password';
ALTER ROLE mtp_backup LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE REPLICATION NOBYPASSRLS
    PASSWORD :'backup_password';

ALTER DATABASE :"DBNAME" OWNER TO mtp_owner;
-- Otherwise every role could connect, and make temporary tables.
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO mtp_app, mtp_backup;
GRANT pg_monitor, pg_checkpoint TO mtp_backup;
GRANT EXECUTE ON FUNCTION pg_backup_start(text, boolean), pg_backup_stop(boolean), pg_switch_wal(),
    pg_create_restore_point(text) TO mtp_backup;

-- Several servers: the owner connects the tables of providers of all of them, and moves providers
-- between them (docs/scaling.md). A run without the variable leaves that as it is.
\getenv servers DATABASE_SERVERS
\if :{?servers}
    SELECT :'servers' <> '' AS has_servers \gset
\else
    \set has_servers off
\endif
\if :has_servers
    ALTER ROLE mtp_owner REPLICATION;
    GRANT pg_create_subscription TO mtp_owner;
\endif

-- For everything that the owner makes from now on, in any schema, providers' new ones included.
ALTER DEFAULT PRIVILEGES FOR ROLE mtp_owner GRANT USAGE ON SCHEMAS TO mtp_app;
ALTER DEFAULT PRIVILEGES FOR ROLE mtp_owner
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO mtp_app;
ALTER DEFAULT PRIVILEGES FOR ROLE mtp_owner GRANT SELECT, USAGE ON SEQUENCES TO mtp_app;
