"""The values of a row of the audit log as texts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tenants.models import AuditEntry

LONGEST_CELL = 5_000


@dataclass(frozen=True, slots=True)
class ChangedValue:
    """A field with its values before and after; None where the row has none."""

    name: str
    before: str | None
    after: str | None


def changed_values(entry: AuditEntry) -> list[ChangedValue]:
    """The fields of a row, in its order."""
    return [
        ChangedValue(
            name.replace("_", " ").capitalize(),
            text_of_value(entry.before[name]) if name in entry.before else None,
            text_of_value(entry.after[name]) if name in entry.after else None,
        )
        for name in entry.before | entry.after
    ]


def values_text(values: Mapping[str, Any]) -> str:
    """As in "cap: 12; name: Acme", cut to what a cell of any format holds."""
    text = "; ".join(f"{name}: {text_of_value(value)}" for name, value in values.items())
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}…"


def text_of_value(value: Any) -> str:
    """A value as a person reads it: nothing is a dash, and a list is one line."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(each, str | int) for each in value):
        return ", ".join(map(str, value)) or "–"
    return json.dumps(value, ensure_ascii=False)
