"""A worker that checks one import, measured: `python -m … SCHEMA RUN`.

Prints the seconds of the dry run and the peak of the process's memory in MB.
"""

import resource
import sys
import time

import django


def main() -> None:
    """Check the import of the given schema and id."""
    django.setup()
    from django.utils import timezone

    from core.schema import schema_named
    from tenants.imports.dry_run import check_import

    schema, run_id = sys.argv[1:]
    with schema_named(schema):
        began = time.perf_counter()
        check_import({"run_id": int(run_id)}, timezone.now())
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{seconds} {peak}\n")


if __name__ == "__main__":
    main()
