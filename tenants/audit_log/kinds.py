"""The kinds of objects that the audit log names, who sees their rows, and their words on pages.

An action is `kind.verb`. A kind that is not listed is shown to roles that see payment information
only, so a new one about money appears to no other role by accident.
"""

from accounts.models import User
from accounts.roles import Permission

LABELS: dict[str, str] = {
    "account_limit": "Limit of users",
    "administrator": "Administrator",
    "agreement": "Agreement",
    "alert": "Alert",
    "alert_mail": "Alert mails",
    "allowance": "Allowance",
    "api_key": "API key",
    "autotask": "Autotask",
    "billed_periods": "Billed periods",
    "billing_profile": "Billing information",
    "cap_request": "Cap request",
    "card": "Card",
    "case": "Case",
    "chargeback": "Chargeback",
    "contract": "Plan",
    "credit_note": "Credit note",
    "customer": "Stripe customer",
    "departure": "Leave date",
    "device": "Device",
    "devices": "Devices",
    "document": "Document",
    "erasure_period": "Erasure period",
    "export": "Export of your data",
    "invitation": "Invitation",
    "invoice": "Invoice",
    "location": "Location",
    "messages": "Messages",
    "operations": "Operations",
    "organization": "Organization",
    "organizations": "Organizations",
    "ownership": "Ownership",
    "payment": "Payment",
    "profile": "Profile",
    "refund": "Refund",
    "sign_in": "Sign-in",
    "table": "Table",
    "terms": "Terms",
    "transfer": "Bank transfer",
    "usage": "Usage",
    "user": "User",
    "users": "Users",
}
# Rows of these have no amounts. Where a permission is named, roles need it to see them.
WITHOUT_MONEY: dict[str, Permission | None] = {
    "account_limit": None,
    "alert": None,
    "alert_mail": None,
    "api_key": Permission.MANAGE_API_KEY,
    "autotask": Permission.MANAGE_INTEGRATIONS,
    "cap_request": None,
    "case": None,
    "device": None,
    "devices": None,
    "erasure_period": None,
    "location": None,
    "organization": None,
    "organizations": None,
    "profile": None,
    "table": None,
    "usage": None,
    "user": None,
    "users": None,
}
# Rows about people of the provider, and about an organization's own admins.
PEOPLE = frozenset({"administrator", "invitation", "ownership", "sign_in"})
# What the organization's own admins see: neither its tags and links nor what the PSA has of it.
OWN_KINDS = frozenset(
    {"cap_request", "device", "devices", "invitation", "location", "table", "user", "users"}
)
OWN_ACTIONS = frozenset(
    {
        "organization.created",
        "organization.entered",
        "organization.left",
        "organization.mau_limit_changed",
        "organization.renamed",
        "organization.user_cap_changed",
    }
)


def kind_of(action: str) -> str:
    """The kind of the object of an action."""
    return action.partition(".")[0]


def is_about_people(action: str) -> bool:
    """Whether a row without an organization is about an administrator of the provider."""
    return kind_of(action) in PEOPLE


def is_seen(action: str, *, by: User, is_own: bool) -> bool:
    """Whether the person's role sees rows of this action; `is_own`: on an organization's pages.

    Rows about people of the provider need `MANAGE_ADMINISTRATORS` beyond it.
    """
    kind = kind_of(action)
    if is_own:
        return kind in OWN_KINDS or action in OWN_ACTIONS
    if kind in PEOPLE:
        return by.may(Permission.MANAGE_ORGANIZATION_ADMINS)
    needed = WITHOUT_MONEY.get(kind, Permission.VIEW_BILLING)
    return needed is None or by.may(needed)


def text_of(action: str) -> str:
    """As in "User cap changed"."""
    verb = action.partition(".")[2].replace("_", " ").replace("mau ", "active-user ")
    return f"{label_of(kind_of(action))}: {verb}"


def label_of(kind: str) -> str:
    """The kind's name on pages."""
    return LABELS.get(kind, kind.replace("_", " ").capitalize())
