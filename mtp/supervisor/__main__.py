"""`python3 mtp/supervisor VERB`: works before any package is installed."""

import sys
from pathlib import Path
from types import ModuleType

if not __package__:
    # Run by its path. An empty `mtp` stands in for the real one, whose import needs Celery.
    root = Path(__file__).resolve().parents[2]
    package = ModuleType("mtp")
    package.__path__ = [str(root / "mtp")]
    sys.modules["mtp"] = package
    sys.path[0] = str(root)

from mtp.supervisor.verbs import main

if __name__ == "__main__":
    sys.exit(main(arguments=sys.argv[1:]))
