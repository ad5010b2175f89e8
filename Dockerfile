# The production image: web, worker, beat and migrations from one image, run as an ordinary user.
# No stand-ins, no tests, no embedded services.
FROM postgres:18-trixie AS postgres

FROM python:3.13-slim-trixie
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1

# Pango typesets invoices; libpq5 brings what pg_dump links to.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        fontconfig libharfbuzz-subset0 libpango-1.0-0 libpangoft2-1.0-0 libpq5 \
    && rm -rf /var/lib/apt/lists/*

# The schema of a new provider is a dump of a template: pg_dump must be as new as the server.
COPY --from=postgres /usr/lib/postgresql/18/bin/pg_dump /usr/local/bin/
COPY --from=postgres /usr/lib/*-linux-gnu/libpq.so.5* /usr/local/lib/
RUN ldconfig && pg_dump --version

WORKDIR /portal
COPY requirements/app.txt requirements/
RUN pip install --require-hashes --no-deps --requirement requirements/app.txt
COPY . .
# Collecting assets reads the settings, which insist on secrets; these live for this line only.
RUN SECRET_KEY=build STRIPE_API_KEY=build STRIPE_WEBHOOK_SECRET=build \
        python manage.py collectstatic --noinput \
    && useradd --system --no-create-home portal
USER portal
EXPOSE 8000
CMD ["gunicorn", "mtp.wsgi", "--bind", "0.0.0.0:8000"]
