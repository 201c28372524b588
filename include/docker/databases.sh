#!/bin/sh
# Runs once, in an empty volume: a role and a database for Airflow, and one for the tickets.
# The superuser loses its password, which these roles have: from then on it comes by the socket
# inside of the container only, `docker compose exec --user postgres postgres psql`.
set -eu
for name in airflow mailticket; do
  psql --set ON_ERROR_STOP=1 --set name="$name" --set password="$POSTGRES_PASSWORD" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
SQL
done
psql --set ON_ERROR_STOP=1 --command "ALTER ROLE CURRENT_USER PASSWORD NULL"
