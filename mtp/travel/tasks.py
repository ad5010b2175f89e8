"""The task that makes a journey which a page began."""

import logging

from celery import shared_task

from mtp.travel import journey

logger = logging.getLogger(__name__)

# Then another task continues, so that none reaches the time limit of tasks.
SECONDS = 60.0


@shared_task(name="mtp.travel.tasks.go_on")
def go_on() -> None:
    """Continue the journey for `SECONDS`, and send the next task; one at a time does anything."""
    try:
        has_ended = journey.go_on(seconds=SECONDS)
    except journey.CannotTravel as refusal:
        logger.warning("The clock was not moved on: %s", refusal)
    else:
        if not has_ended:
            go_on.delay()
