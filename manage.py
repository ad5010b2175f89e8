#!/usr/bin/env python3
"""Django's command line for the portal, in the virtual environment that `make up` creates."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

VENV_PYTHON = Path(__file__).resolve().parent / ".venv/bin/python"


def main() -> None:
    """Run a management command with the portal's settings."""
    # Not resolved: the link's target is a Python without the environment's packages.
    if find_spec("django") is None and VENV_PYTHON.exists() and sys.executable != str(VENV_PYTHON):
        os.execv(VENV_PYTHON, [str(VENV_PYTHON), *sys.argv])  # noqa: S606 - runs no shell
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mtp.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
