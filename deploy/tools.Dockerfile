# The portal's image with what Debian trixie does not have: PostgreSQL 18's client programs for
# `backup_provider` and `restore_provider`, and Barman for the whole database, which runs `file` in a
# restore. For operations alone.
FROM mtp-portal
USER root
# The user and its id are those of the image of PostgreSQL, whose files Barman restores.
RUN groupadd --gid 999 postgres \
    && useradd --uid 999 --gid postgres --no-create-home --home-dir /nonexistent postgres \
    && apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates postgresql-common \
    && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
    && apt-get install --yes --no-install-recommends barman file postgresql-client-18 \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o postgres -g postgres /var/lib/postgresql/18 \
    && ln -sf /portal/deploy/barman/barman.conf /etc/barman.conf
ENV PATH=/usr/lib/postgresql/18/bin:$PATH
USER portal
