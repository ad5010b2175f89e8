#!/bin/sh
# Keeps the backup until it is stopped: receives the write-ahead log all the time, makes a base backup
# once a day (UTC), and removes what is older than the retention says.
set -u
trap 'exit 0' TERM INT
umask 077
# PostgreSQL's programs ignore a password that others could read.
printf '*:*:*:*:%s\n' "$(cat "$BACKUP_PASSWORD_FILE")" >"$PGPASSFILE"
while :; do
    barman --quiet cron
    # One that has failed is repeated on the next day, or by hand; `barman check` says so meanwhile.
    if ! barman list-backups --minimal mtp | grep -q "^$(date -u +%Y%m%d)T"; then
        # The first one needs a log that has arrived.
        barman switch-wal --force --archive mtp && barman backup --wait mtp
    fi
    sleep 60 &
    wait $!
done
