"""The part of each worker's main process that refuses a database of another release."""

from typing import Any

from celery import bootsteps

from accounts.provisioning.release import refuse_a_database_of_another_release


class ReleaseStep(bootsteps.Step):
    """Ends a worker that starts beside a database which it can't serve."""

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        refuse_a_database_of_another_release()
