#!/bin/sh
# Runs once, in an empty volume: a role and a database for Airflow, and one for the tickets.
set -eu
for name in airflow mailticket; do
  psql --set ON_ERROR_STOP=1 --set name="$name" --set password="$POSTGRES_PASSWORD" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
SQL
done
