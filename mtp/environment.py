"""The environment that the settings are read from: `NAME_FILE` names a file with the value of NAME.

Secrets come as such files (docs/decisions/0037); a file goes before a variable of the name. An
empty value counts as not set, so that a copy of `.env.example` sets nothing.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping


class _Values(FileAwareMapping):  # type: ignore[misc] # django-environ has no types
    """Variables and files. Of a file's value the ends are stripped: editors add a last newline."""

    def __getitem__(self, key: str) -> str:
        path = self.env.get(f"{key}_FILE")
        try:
            value: str = super().__getitem__(key)
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(
                f"{key}_FILE names {path}, which can't be read: {error}"
            ) from error
        value = value.strip() if path else value
        if not value:
            raise KeyError(key)
        return value


def unreadable_files(names: Iterable[str]) -> dict[str, str]:
    """Those of these variables whose file can't be read, with the reason as a sentence.

    Only of variables of ours: programs of others have names with `_FILE` too.
    """
    found = {}
    for name in names:
        if path := os.environ.get(f"{name}_FILE"):
            try:
                Path(path).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                found[name] = f"{name}_FILE names {path}, which can't be read: {error}."
    return found


class Environment(environ.Env):  # type: ignore[misc] # as above
    """As `environ.Env`. Raises `ImproperlyConfigured` if a named file can't be read."""

    ENVIRON: Any = _Values()


class _DotEnv(environ.Env):  # type: ignore[misc] # as above
    """`.env` alone."""

    ENVIRON: dict[str, str] = {}  # noqa: RUF012 - its base class has it so


def read_files(directory: Path) -> None:
    """Read `.env`, and before it the file of a running `make up`; the environment goes before both.

    `make up` deletes its file when it stops. One that it left behind is of development, so it is
    not read where the environment or `.env` says production.
    """
    _DotEnv.ENVIRON = {}
    _DotEnv.read_env(directory / ".env")
    said = os.environ.get("MTP_ENVIRONMENT"), _DotEnv.ENVIRON.get("MTP_ENVIRONMENT")
    if "production" not in said:
        Environment.read_env(directory / ".local/running.env", overwrite=False)
    Environment.read_env(directory / ".env", overwrite=False)
