-- Roles and databases: Airflow, the voting site and the exporter each reach their own and nothing else.
-- The image runs this file once, on an empty volume. A lost secret gives a role that nobody can log in as.
\set airflow_password `cat /run/secrets/airflow_database_password`
\set web_password `cat /run/secrets/web_database_password`
\set exporter_password `cat /run/secrets/exporter_database_password`

CREATE ROLE airflow LOGIN PASSWORD :'airflow_password';
CREATE ROLE bardloop LOGIN PASSWORD :'web_password';
CREATE ROLE exporter LOGIN PASSWORD :'exporter_password' IN ROLE pg_monitor;

CREATE DATABASE airflow OWNER airflow;
CREATE DATABASE bardloop OWNER bardloop;
REVOKE CONNECT ON DATABASE airflow, bardloop FROM PUBLIC;
