"""Counts the commits of a connection, for both backends."""

from typing import Any


class CountedCommits:
    """`commits` counts the transactions whose commit was begun since it was set to 0.

    A request that fails after one may have changed something, also if the answer to the commit was
    lost (`core.unavailable`).
    """

    commits = 0

    def _commit(self) -> Any:
        self.commits += 1
        return super()._commit()  # type: ignore[misc] # of Django's wrapper
