#!/bin/sh
# Makes the secrets that docker-compose.yml mounts: `docker/make-secrets.sh [FOLDER]`, var/secrets if not said.
# A secret that is there stays. To change one, remove its file and run this again; docs/operations.md says what else
# then has to be told. The folder is closed to others, the files are not: the containers' users have to read them.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-$root/var/secrets}
site=${BARDLOOP_SITE:-$([ ! -f "$root/.env" ] || sed -n 's/^BARDLOOP_SITE=//p' "$root/.env")}
umask 022
mkdir -p "$folder"
chmod 700 "$folder"
cd "$folder"

random() { # BYTES NAME...: so many random bytes each, as URL-safe base64, which is also the form of a Fernet key
    bytes=$1
    shift
    for name in "$@"; do
        [ -s "$name" ] || write "$name" "$(head -c "$bytes" /dev/urandom | base64 | tr '+/' '-_')"
    done
}
write() { # NAME TEXT: whole or not at all
    printf "%s" "$2" > "$1.part"
    mv "$1.part" "$1"
}

random 32 postgres_password airflow_database_password web_database_password exporter_database_password
random 32 airflow_fernet_key airflow_secret_key airflow_password
random 32 api_key admin_key export_key ray_token django_superuser_password grafana_password
random 48 django_secret_key airflow_jwt_secret # Django and SHA-512 find 32 bytes too short

# What holds secrets of the list above is written anew each time.
connection() { # NAME HOST PORT SECRET BROWSER_URL, where people reach what our processes reach as HOST
    extra="{\"browser_url\": \"$5\"}"
    write "$1" "{\"conn_type\": \"http\", \"host\": \"$2\", \"port\": $3, \"password\": \"$(cat "$4")\", \"extra\": $extra}"
}
connection airflow_connection_serving ray 8001 admin_key http://127.0.0.1:8001
connection airflow_connection_ray ray 8265 ray_token http://127.0.0.1:8265
connection airflow_connection_web web 8000 export_key "https://${site:-localhost}"
write airflow_passwords "{\"admin\": \"$(cat airflow_password)\"}"
