"""Autotask's picklists. Their values differ per customer, so pages show the labels."""

from dataclasses import dataclass

from integrations.autotask.api.client import Client
from integrations.autotask.api.errors import NotUnderstood
from integrations.autotask.api.wire import Row, text


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a picklist."""

    value: int
    label: str
    is_default: bool


def picklists(client: Client, *, entity: str) -> dict[str, list[Choice]]:
    """The active values of every picklist of an entity, in the customer's order.

    Raises `AutotaskError`.
    """
    fields = client.read("GET", f"{entity}/entityInformation/fields").get("fields")
    if not isinstance(fields, list):
        raise NotUnderstood(f"Autotask does not say which fields {entity} have.")
    return {
        text(field, "name"): _choices(field.get("picklistValues"))
        for field in fields
        if field.get("isPickList") and isinstance(field.get("picklistValues"), list)
    }


def labelled(choices: list[Choice], *labels: str) -> int | None:
    """The value of the first of these labels that exists, in any case; None if none does."""
    values = {choice.label.casefold(): choice.value for choice in choices}
    return next((values[each.casefold()] for each in labels if each.casefold() in values), None)


def _choices(values: list[Row]) -> list[Choice]:
    active = [value for value in values if value.get("isActive") is not False]
    active.sort(key=lambda value: int(str(value.get("sortOrder") or 0)))
    return [
        Choice(int(text(value, "value")), text(value, "label"), bool(value.get("isDefaultValue")))
        for value in active
        # A text in the picklist, a number in the rows.
        if text(value, "value").lstrip("-").isdecimal()
    ]
