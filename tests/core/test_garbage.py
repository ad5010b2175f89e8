"""The web server's garbage collection, in a separate process."""

import subprocess
import sys

PROBE = """
import gc
from core.garbage import NEW_OBJECTS, collect_seldom
collect_seldom()
print(gc.get_threshold()[0] == NEW_OBJECTS, gc.get_freeze_count() > 1_000, gc.isenabled())
"""


def test_garbage_is_collected_seldom_and_not_never() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, timeout=60
    )
    assert answer.stdout.split() == ["True", "True", "True"]
