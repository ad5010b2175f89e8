"""The order of test files: the longest first, so that the processes of a run end together.

pytest-xdist hands the files out in this order; alone it counts tests, and a proof is one test.
"""

from collections import Counter

import pytest

# Their tests start servers, browsers and many processes.
LONG = ("proofs", "deployment", "journeys", "browser", "mtp")


def longest_first(items: list[pytest.Item]) -> None:
    """Sort the tests by the expected duration of their file; the order in a file stays."""
    tests_of = Counter(item.path for item in items)

    def key(item: pytest.Item) -> tuple[int, int, str]:
        folder = item.nodeid.split("/")[1]
        place = LONG.index(folder) if folder in LONG else len(LONG)
        return place, -tests_of[item.path], item.nodeid.partition("::")[0]

    items.sort(key=key)
