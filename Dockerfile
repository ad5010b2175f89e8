# The production image: web, worker, beat and migrations from one image, run as an ordinary user.
# No stand-ins, no tests, no embedded services.
FROM python:3.13-slim-trixie
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1

# WeasyPrint needs Pango to lay out text.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        fontconfig libharfbuzz-subset0 libpango-1.0-0 libpangoft2-1.0-0 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /portal
COPY requirements/app.txt requirements/
RUN pip install --require-hashes --no-deps --requirement requirements/app.txt
COPY . .
# Collecting assets loads the settings, which require secrets; these exist for this line only.
RUN SECRET_KEY=build STRIPE_API_KEY=build STRIPE_WEBHOOK_SECRET=build \
        python manage.py collectstatic --noinput \
    && useradd --system --no-create-home portal
USER portal
EXPOSE 8000
CMD ["gunicorn", "mtp.wsgi", "--bind", "0.0.0.0:8000"]
