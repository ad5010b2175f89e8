"""Lets the clock of a Python process jump; Python imports this at its start from PYTHONPATH.

The file that CRASH_CLOCK names has the seconds by which the clock is off, and may change at any
time. The monotonic clock stays, as on a machine whose clock is set. (libfaketime of Debian 12 does
not work with Python: `time.sleep` fails.)
"""

import os
import threading
import time
from pathlib import Path

import time_machine

LOOK_SECONDS = 0.5
_clock = Path(os.environ["CRASH_CLOCK"])
_real = time_machine.escape_hatch.time
_coordinates = time_machine.travel(time.time(), tick=True).start()


def _follow() -> None:
    off = 0.0
    while True:
        chosen = float(_clock.read_text())
        if chosen != off:
            off = chosen
            _coordinates.move_to(_real.time() + off, tick=True)
        time.sleep(LOOK_SECONDS)


def _start() -> None:
    threading.Thread(target=_follow, daemon=True).start()


# Threads do not survive a fork.
os.register_at_fork(after_in_child=_start)
_start()
