"""Uses the cache and sends tasks, until it is stopped by a file that appears.

Its arguments are the queue, the file of the tasks' marks, and the file that says stop. Prints one
JSON object: what was sent and whether the cache remembered, with instants in monotonic seconds.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mtp.settings")
import django

django.setup()

from celery import shared_task  # noqa: E402 - after the set-up
from django.core.cache import cache  # noqa: E402 - as above

from mtp.celery import app  # noqa: E402 - as above

TASK = "tests.deployment.sentinel_probe.mark"


@shared_task(name=TASK)
def mark(number: int, file: str) -> None:
    """Append the number to the file."""
    with Path(file).open("a") as marks:
        marks.write(f"{number}\n")


def main(queue: str, file: str, stop: str) -> None:
    """Send and remember, ten times a second."""
    sent: list[tuple[float, int]] = []
    cached: list[tuple[float, bool]] = []
    refused, number = 0, 0
    while not Path(stop).exists():
        number += 1
        try:
            app.send_task(TASK, args=[number, file], queue=queue)
        except Exception:  # noqa: BLE001 - as the outbox, which is woken later
            refused += 1
        else:
            sent.append((time.monotonic(), number))
        cache.set("probe", number, 30)
        cached.append((time.monotonic(), cache.get("probe") == number))
        time.sleep(0.1)
    print(json.dumps({"sent": sent, "refused": refused, "cached": cached}))


if __name__ == "__main__":
    main(*sys.argv[1:])
