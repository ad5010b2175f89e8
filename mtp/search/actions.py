"""Actions that the search offers: what people come to do, by the role that may do it."""

from dataclasses import dataclass

from accounts.models import User
from accounts.roles import Permission
from core.templating.addresses import url


@dataclass(frozen=True, slots=True)
class Action:
    """A form of the portal. `everywhere`: not for people who are limited to some organizations."""

    name: str
    label: str
    permission: Permission
    everywhere: bool = False


OWN = Permission.USE_OWN_ORGANIZATION
ACTIONS = (
    Action("organization_create", "Create an organization", Permission.CHANGE_ORGANIZATIONS, True),
    Action("administrator_invite", "Invite an administrator", Permission.MANAGE_ADMINISTRATORS),
    Action("billing_information", "Update payment method", Permission.CHANGE_BILLING),
    Action("api_key_generate", "Generate a new API key", Permission.MANAGE_API_KEY),
    Action("alert_mail", "Choose which alerts come by e-mail", Permission.VIEW_ALERTS),
    Action("own_user_add", "Add a user", OWN),
    Action("own_user_import", "Import users", OWN),
    Action("own_device_add", "Add a device", OWN),
    Action("own_device_import", "Import devices", OWN),
    Action("own_location_add", "Add a location", OWN),
    Action("own_cap_request", "Request a higher cap", OWN),
)


def actions_of(user: User) -> list[tuple[str, str]]:
    """Label and address of each action that the person may take."""
    return [
        (action.label, url(action.name))
        for action in ACTIONS
        if user.may(action.permission) and not (action.everywhere and user.limited_to is not None)
    ]
