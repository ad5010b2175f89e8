"""Expand and contract steps: which schemas a release can serve (docs/decisions/0040).

An expand step only adds what the previous release does not use, so both releases serve a schema
that has it. A contract step takes away what the previous release uses; its name says so, as in
`0012_contract_subject_name`. Applied migrations are never removed from a schema, so two counts say
what it has.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from django.apps import apps
from django.db.migrations.loader import MigrationLoader

MigrationKey = tuple[str, str]
_CONTRACT = re.compile(r"\d{4}_contract_")


def is_contract(name: str) -> bool:
    """Whether the migration of this name is a contract step."""
    return _CONTRACT.match(name) is not None


@dataclass(frozen=True, slots=True)
class Steps:
    """How many expand and contract steps a schema has, or a release knows."""

    expand: int
    contract: int


@cache
def this_release() -> Steps:
    """The steps that this release knows, of all apps; reads names of files only."""
    contracts = [is_contract(name) for _, name in migration_names()]
    return Steps(expand=contracts.count(False), contract=contracts.count(True))


def migration_names() -> Iterator[MigrationKey]:
    """The migrations of every installed app, without loading them."""
    for app in apps.get_app_configs():
        module, _ = MigrationLoader.migrations_module(app.label)
        try:
            package = import_module(str(module))
        except ModuleNotFoundError:
            continue
        for found in iter_modules(package.__path__):
            if not found.ispkg and found.name[0] not in "_~":
                yield app.label, found.name
