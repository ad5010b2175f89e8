#!/bin/sh
# `sh deploy/systemd/servers.sh`, as root, where DATABASE_SERVERS in /etc/mtp/env names further database
# servers, and after each change of it: gives each service the addresses of its role. Prints what it
# wrote; docs/scaling.md has the steps.
set -eu
settings=${MTP_SETTINGS:-/etc/mtp}
units=${MTP_UNITS:-/etc/systemd/system}
cd "$(dirname "$0")"
numbers=$(sed -n 's/^DATABASE_SERVERS=//p' "$settings/env" | tr ',' ' ')
for unit in mtp-*.service; do
    address=$(sed -n 's|^LoadCredential=database_url:/etc/mtp/secrets/||p' "$unit")
    directory=$units/$unit.d
    [ -n "$address" ] || continue
    rm -f "$directory/servers.conf"
    [ -n "$numbers" ] || continue
    mkdir -p "$directory"
    {
        echo "[Service]"
        for number in $numbers; do
            echo "LoadCredential=database_url_$number:/etc/mtp/secrets/${address}_$number"
            echo "Environment=DATABASE_URL_${number}_FILE=%d/database_url_$number"
        done
    } >"$directory/servers.conf"
    echo "$directory/servers.conf"
done
