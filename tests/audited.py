"""Requests that changed rows of the product, and whether the audit log says so."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

LOG = "tenants_auditentry"
_CHANGE = re.compile(
    r"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(?:ONLY\s+)?"
    r'(?:"?[a-z_0-9]+"?\.)?"?([a-z]+_[a-z_0-9]+)"?',
    re.IGNORECASE,
)
# Rows that are no change of the product: sessions, what is queued, when a person was here, how a
# person looks at a list, and what is computed from other rows.
NOT_OF_THE_PRODUCT = frozenset(
    {
        "account_emailaddress",
        "accounts_apikey",  # its last use; a key's own changes write an entry
        "accounts_apikeycaller",
        "accounts_changedprovider",
        "accounts_signinevent",
        "django_admin_log",
        "django_session",
        "operations_heartbeat",
        "outbox_outboxmessage",
        "tenants_chosencolumns",
        "tenants_savedview",
    }
)


@dataclass
class Changes:
    """The tables that were written."""

    tables: set[str] = field(default_factory=set)

    @property
    def of_the_product(self) -> set[str]:
        """Those whose rows the product is about."""
        return self.tables - NOT_OF_THE_PRODUCT - {LOG}

    @property
    def are_audited(self) -> bool:
        """Whether there is an entry, where there must be one."""
        return LOG in self.tables or not self.of_the_product

    def __call__(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
    ) -> Any:
        """Note the tables of a statement that changed rows."""
        result = execute(sql, params, many, context)
        if context["cursor"].rowcount:
            self.tables.update(_CHANGE.findall(str(sql)))
        return result


@contextmanager
def changes() -> Iterator[Changes]:
    """The rows that the block writes through this thread's connection."""
    found = Changes()
    with connection.execute_wrapper(found):
        yield found
