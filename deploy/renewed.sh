#!/bin/sh
# Deploy hook of certbot: gives a new certificate to the proxy of docker-compose.yml, without a stop.
# Written in place, because a container sees the file that was there when it started.
set -eu
cd "$(dirname "$0")/.."
cat "$RENEWED_LINEAGE/fullchain.pem" >deploy/secrets/tls_certificate
cat "$RENEWED_LINEAGE/privkey.pem" >deploy/secrets/tls_key
if docker compose ps --quiet proxy | grep -q .; then
    docker compose kill --signal HUP proxy
fi
