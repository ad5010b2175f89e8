#!/bin/sh
# Writes deploy/secrets/: random secrets, and the addresses that contain them. Existing files stay.
# Prints the files that you have to fill in. `sh deploy/secrets.sh 2 3` adds those of further database
# servers, which have the same passwords.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets acme
# The proxy, another user, reads the challenges of an ACME client there.
chmod 0755 acme
cd secrets

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
make() {
    [ -s "$1" ] || printf '%s\n' "$2" >"$1"
}

for name in postgres_password owner_password app_password backup_password metrics_token; do
    make "$name" "$(random)"
done
make secret_key "$(random)"
make encryption_keys "$(random)"
make payment_link_keys "$(random)"
make database_owner_url "postgres://mtp_owner:$(cat owner_password)@postgres:5432/mtp"
make database_url "postgres://mtp_app:$(cat app_password)@postgres:5432/mtp"
for number in "$@"; do
    if [ ! -s "database_url_$number" ]; then
        echo "Write the host of server $number into deploy/secrets/database_url_$number and" \
            "database_owner_url_$number"
    fi
    make "database_owner_url_$number" "postgres://mtp_owner:$(cat owner_password)@HOST:5432/mtp"
    make "database_url_$number" "postgres://mtp_app:$(cat app_password)@HOST:5432/mtp"
done
make valkey.conf "requirepass $(random)"
make redis_url "redis://:$(sed 's/^requirepass //' valkey.conf)@redis:6379/0"
for name in email_url stripe_api_key stripe_webhook_secret tls_certificate tls_key; do
    [ -e "$name" ] || : >"$name"
    [ -s "$name" ] || echo "Fill in deploy/secrets/$name"
done
# Containers read them as users that this machine does not have. Others do not reach the directory.
chmod 0644 ./*
