"""How often a process that serves pages looks for garbage in cycles."""

import gc

# New objects until the youngest are looked through; a large page makes some hundred thousand, which
# Python's 700 would look through hundreds of times and find in use.
NEW_OBJECTS = 50_000


def collect_seldom() -> None:
    """Look through new objects seldom, and never again through those that there are now.

    Call it once everything is loaded, before processes are forked: they share those objects then.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 20, 20)
