#!/usr/bin/env bash
# The init step of docker-compose.yaml: databases up to date, the password file written.
set -euo pipefail
airflow db migrate
python -m mailticket migrate
python - <<'PY'
import json, os, pathlib
path = pathlib.Path(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
path.touch(mode=0o600)
path.write_text(json.dumps({"admin": os.environ["MAILTICKET_ADMIN_PASSWORD"]}))
PY
