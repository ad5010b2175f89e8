"""The form of step four: whether alerts become tickets, and with which values."""

from typing import Any

from django import forms

from core.plain_numbers import PlainIntegerField
from integrations.autotask.api.picklists import Choice, labelled
from integrations.models import AutotaskConnection

LARGEST_ID = 2**53
PICKLISTS = {
    "ticket_queue_id": "queueID",
    "ticket_status": "status",
    "ticket_resolved_status": "status",
    "ticket_priority": "priority",
    "ticket_source": "source",
}
USUAL = {
    "ticket_status": ("New",),
    "ticket_resolved_status": ("Complete",),
    "ticket_priority": ("Medium", "Normal"),
    "ticket_source": ("Monitoring Alert",),
}


class TicketForm(forms.ModelForm):  # type: ignore[type-arg]
    """A queue, or a resource with its role. Values are those of the customer's picklists."""

    class Meta:
        model = AutotaskConnection
        fields = (
            "creates_tickets", "ticket_queue_id", "ticket_resource_id", "ticket_role_id",
            "ticket_status", "ticket_priority", "ticket_source", "ticket_due_days",
            "ticket_resolved_status",
        )  # fmt: skip
        field_classes = {  # noqa: RUF012 - as Django documents it
            "ticket_resource_id": PlainIntegerField,
            "ticket_role_id": PlainIntegerField,
            "ticket_due_days": PlainIntegerField,
        }
        labels = {  # noqa: RUF012 - as Django documents it
            "creates_tickets": "Create a ticket for each alert",
            "ticket_resource_id": "or resource (id)",
            "ticket_role_id": "with role (id)",
            "ticket_due_days": "Due after days",
        }
        help_texts = {  # noqa: RUF012 - as Django documents it
            "ticket_resource_id": "A person: Autotask assigns nothing to API users."
        }

    def __init__(self, *arguments: Any, choices: dict[str, list[Choice]], **named: Any) -> None:
        super().__init__(*arguments, **named)
        for name, source in PICKLISTS.items():
            values = choices.get(source, [])
            label = {"ticket_queue_id": "Queue", "ticket_resolved_status": "Status when over"}
            field = forms.TypedChoiceField(
                label=label.get(name, source.capitalize()),
                choices=[("", "None"), *((one.value, one.label) for one in values)],
                coerce=int,
                empty_value=None,
                required=False,
            )
            if getattr(self.instance, name) is None and name in USUAL:
                field.initial = self.initial[name] = labelled(values, *USUAL[name])
            self.fields[name] = field

    def clean(self) -> dict[str, Any]:
        """The rules of Autotask for a ticket, each with its own message."""
        cleaned = super().clean() or {}
        if not cleaned.get("creates_tickets"):
            return cleaned
        for name in ("ticket_status", "ticket_priority"):
            if cleaned.get(name) is None and name not in self.errors:
                self.add_error(name, "Every ticket needs one.")
        resource = (cleaned.get("ticket_resource_id"), cleaned.get("ticket_role_id"))
        if cleaned.get("ticket_queue_id") is None and None in resource:
            self.add_error("ticket_queue_id", "Choose a queue, or a resource and its role.")
        for name in ("ticket_resource_id", "ticket_role_id"):
            if not 0 <= (cleaned.get(name) or 0) < LARGEST_ID:
                self.add_error(name, "This is no id of Autotask.")
        return cleaned
