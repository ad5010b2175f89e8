#!/bin/sh
# `sh deploy/systemd/manage.sh COMMAND …`, as root: manage.py with the settings and secrets of the
# services, as their account. With DATABASE=database_owner_url it uses the role that owns the schemas.
set -eu
settings=${MTP_SETTINGS:-/etc/mtp}
while IFS= read -r line; do
    case $line in [A-Z]*=?*) export "${line?}" ;; esac
done <"$settings/env"
for name in redis_url secret_key encryption_keys payment_link_keys email_url metrics_token \
    stripe_api_key stripe_webhook_secret; do
    export "$(echo "$name" | tr a-z A-Z)=$(cat "$settings/secrets/$name")"
done
# The owner's address is PostgreSQL's own, also where the app's leads through a pooler.
[ -z "${DATABASE:-}" ] || unset DATABASE_POOLER
DATABASE_URL=$(cat "$settings/secrets/${DATABASE:-database_url}")
for number in $(echo "${DATABASE_SERVERS:-}" | tr ',' ' '); do
    export "DATABASE_URL_$number=$(cat "$settings/secrets/${DATABASE:-database_url}_$number")"
done
export DATABASE_URL MTP_ENVIRONMENT=production TRUSTED_PROXY_COUNT=1 XDG_CACHE_HOME=/tmp
cd "$(dirname "$0")/../.."
exec runuser --user portal -- .venv/bin/python manage.py "$@"
