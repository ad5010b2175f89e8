"""Roles and their permissions, in one table (docs/facts/product.md, People)."""

from django.db import models


class Role(models.TextChoices):
    """A login's role. Operations staff have none: they use the operations admin."""

    OWNER = "owner", "Owner"
    BILLING_ADMIN = "billing_admin", "Administrator with Billing"
    ADMIN = "admin", "Administrator"
    READ_ONLY = "read_only", "Read-only"
    ORGANIZATION_ADMIN = "organization_admin", "Organization admin"


class Permission(models.TextChoices):
    """A permission. Every route names the ones it needs."""

    VIEW_ORGANIZATIONS = "view_organizations", "See organizations, their users and devices"
    CHANGE_ORGANIZATIONS = "change_organizations", "Create and change organizations"
    CHANGE_MEMBERS = "change_members", "Add and remove users and devices"
    ERASE_USERS = "erase_users", "Erase the names and addresses of removed users"
    IMPERSONATE = "enter_organization", "Log in to an organization's own pages"
    VIEW_USAGE = "view_usage", "See usage"
    CHANGE_CAPS = "change_caps", "Set user caps"
    VIEW_BILLING = "view_billing", "See invoices and payment information"
    CHANGE_BILLING = "change_billing", "Change the payment method"
    USE_OWN_ORGANIZATION = "use_own_organization", "Use one organization's own pages"
    VIEW_ALERTS = "view_alerts", "See alerts"
    HANDLE_ALERTS = "handle_alerts", "Acknowledge alerts"
    VIEW_ACCOUNT = "view_account", "See the account overview"
    MANAGE_API_KEY = "manage_api_key", "Generate and revoke the API key"
    EXTEND_ALLOWANCE = "extend_allowance", "Order packs that extend the allowance"
    MANAGE_INTEGRATIONS = "manage_integrations", "Connect, map and sync the PSA"
    VIEW_AUDIT_LOG = "view_audit_log", "See the audit log"
    MANAGE_ADMINISTRATORS = "manage_administrators", "Invite, change and remove administrators"
    MANAGE_ORGANIZATION_ADMINS = (
        "manage_organization_admins",
        "Invite and remove the admins of organizations",
    )


_READ = frozenset(
    {
        Permission.VIEW_ORGANIZATIONS,
        Permission.VIEW_USAGE,
        Permission.VIEW_ALERTS,
        Permission.VIEW_ACCOUNT,
    }
)
_ADMIN = _READ | {
    Permission.CHANGE_ORGANIZATIONS,
    Permission.CHANGE_MEMBERS,
    Permission.HANDLE_ALERTS,
    Permission.IMPERSONATE,
    Permission.MANAGE_ORGANIZATION_ADMINS,
    Permission.VIEW_AUDIT_LOG,
}
_BILLING = _ADMIN | {
    Permission.CHANGE_CAPS,
    Permission.ERASE_USERS,
    Permission.VIEW_BILLING,
    Permission.CHANGE_BILLING,
    Permission.MANAGE_API_KEY,
    Permission.MANAGE_INTEGRATIONS,
}
_OWNER = _BILLING | {Permission.MANAGE_ADMINISTRATORS, Permission.EXTEND_ALLOWANCE}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: _OWNER,
    Role.BILLING_ADMIN: _BILLING,
    Role.ADMIN: _ADMIN,
    Role.READ_ONLY: _READ,
    Role.ORGANIZATION_ADMIN: frozenset({Permission.USE_OWN_ORGANIZATION}),
}

# From the lowest to the highest. A person can't grant a role above their own.
RANKS = (Role.ORGANIZATION_ADMIN, Role.READ_ONLY, Role.ADMIN, Role.BILLING_ADMIN, Role.OWNER)
PROVIDER_ROLES = (Role.OWNER, Role.BILLING_ADMIN, Role.ADMIN, Role.READ_ONLY)
# Invoices name every organization, so a role that sees money can't be limited to some.
LIMITABLE_ROLES = (Role.ADMIN, Role.READ_ONLY)
# Roles that an Owner may allow to extend the allowance (docs/facts/product.md, People).
EXTENDING_ROLES = (Role.BILLING_ADMIN, Role.ADMIN)


def may_grant(*, by: Role, role: Role) -> bool:
    """Whether the role `by` may grant `role` to others, or take it from them."""
    needed = (
        Permission.MANAGE_ORGANIZATION_ADMINS
        if role == Role.ORGANIZATION_ADMIN
        else Permission.MANAGE_ADMINISTRATORS
    )
    return needed in PERMISSIONS[by] and RANKS.index(role) <= RANKS.index(by)
