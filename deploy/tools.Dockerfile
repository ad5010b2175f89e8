# The portal's image with the client tools of PostgreSQL 18, which Debian trixie does not have.
FROM mtp-portal
USER root
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates postgresql-common \
    && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
    && apt-get install --yes --no-install-recommends postgresql-client-18 \
    && rm -rf /var/lib/apt/lists/*
USER portal
ENV POSTGRES_BIN=/usr/lib/postgresql/18/bin
