"""A worker that checks one import, measured: `python -m … SCHEMA RUN`.

Prints the CPU seconds of the dry run here, those that pass, and the peak of the process's memory in
MB. That is of this process since it began: `ru_maxrss` would be its parent's where that is larger.
"""

import re
import sys
import time
from pathlib import Path

import django


def main() -> None:
    """Check the import of the given schema and id."""
    django.setup()
    from django.utils import timezone

    from core.schema import schema_named
    from tenants.imports.dry_run import check_import

    schema, run_id = sys.argv[1:]
    with schema_named(schema):
        began, worked = time.perf_counter(), time.process_time()
        check_import({"run_id": int(run_id)}, timezone.now())
        cpu, seconds = time.process_time() - worked, time.perf_counter() - began
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    peak = int(found[1]) / 1024 if found else 0.0
    sys.stdout.write(f"{cpu} {seconds} {peak}\n")


if __name__ == "__main__":
    main()
