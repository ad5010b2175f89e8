# The production image: web, workers, beat and migrations from one image, run as an ordinary user.
# No stand-ins, no tests, no embedded services. `make prove-image` runs each step of it.
FROM python:3.13-slim-trixie
# The root file system is read-only in production: caches, such as fontconfig's, go to /tmp.
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 XDG_CACHE_HOME=/tmp

# WeasyPrint needs Pango to lay out text. Secrets are readable by the fixed user id alone.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        fontconfig libharfbuzz-subset0 libpango-1.0-0 libpangoft2-1.0-0 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 portal \
    && useradd --uid 10001 --gid portal --no-create-home --home-dir /nonexistent portal

WORKDIR /portal
COPY requirements/app.txt requirements/
RUN pip install --require-hashes --no-deps --requirement requirements/app.txt
COPY . .
# Collecting assets loads the settings, which refuse to start without secrets: these are none.
RUN env $(cat deploy/build.env) python manage.py collectstatic --noinput \
    && python -m compileall -q .
USER portal
EXPOSE 8000
CMD ["gunicorn", "mtp.wsgi", "--bind", "0.0.0.0:8000"]
