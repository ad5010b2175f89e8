#!/bin/sh
# `sh deploy/systemd/barman.sh COMMAND …`, as root: barman with the account and the role of the service,
# and its password while it runs; a restore needs none.
set -eu
exec runuser --user postgres -- \
    env HOME=/tmp PGHOST=127.0.0.1 PGPASSFILE=/run/barman/pgpass barman "$@"
