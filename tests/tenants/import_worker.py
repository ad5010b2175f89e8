"""A worker that applies one import in small batches, to be killed: `python -m … SCHEMA RUN`."""

import sys

import django


def main() -> None:
    """Apply the import of the given schema and id, a few lines at a time."""
    django.setup()
    from django.utils import timezone

    from core.schema import schema_named
    from tenants.imports import apply

    schema, run_id = sys.argv[1:]
    apply.LINES_PER_BATCH = 20
    with schema_named(schema):
        apply.apply_import({"run_id": int(run_id)}, timezone.now())


if __name__ == "__main__":
    main()
