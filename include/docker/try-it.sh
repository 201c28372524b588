#!/usr/bin/env bash
# Profile `mail`: Connections to the mail server of this profile, the sample inboxes, and the
# reference data, where they are missing.
set -euo pipefail
cd /opt/airflow/include/samples

connect() { # name, JSON
  airflow connections get "$1" >/dev/null 2>&1 || airflow connections add "$1" --conn-json "$2"
}

inbox() { # name, login
  connect "mailticket_inbox_$1" "$(python -c '
import json, os, sys
print(json.dumps({"conn_type": "imap", "host": "mail", "port": 4143, "login": sys.argv[1],
                  "password": os.environ["MAILTICKET_ADMIN_PASSWORD"], "extra": {"tls": "none"}}))
' "$2")"
}

for kind in organizations persons services teams; do
  python -m mailticket import "$kind" "$kind.csv"
done
connect mailticket_smtp '{"conn_type": "smtp", "host": "mail", "port": 4025,
  "extra": {"disable_ssl": true, "disable_tls": true}}'
inbox support support@demo.example
inbox incidents incidents@demo.example
for key in mailticket_inboxes:inboxes.json mailticket_settings:settings.json; do
  airflow variables get "${key%%:*}" >/dev/null 2>&1 \
    || airflow variables set "${key%%:*}" "$(cat "${key##*:}")"
done
