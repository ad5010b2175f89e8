"""The menu and the tabs behind each entry: names, labels, roles, badges.

A tab is a page by its URL's name. A page that is no tab belongs to the tab that names it in
`pages`, or else to the tab whose address begins its own (the longest).
"""

from collections.abc import Callable
from dataclasses import dataclass

from accounts.roles import Permission
from mtp.navigation.figures import (
    Figures,
    has_connection,
    has_contract,
    is_connected,
    open_alerts,
    open_cap_requests,
    undecided_drifts,
)


@dataclass(frozen=True, slots=True)
class Tab:
    """A page, for people whose role has `permission`.

    `badge` counts the open tasks on the page within the person's organizations. With `condition`,
    the tab is there only for providers that meet it. `views` are (name, label) of pages that answer
    the tab's question in more than one way: links on each of them.
    """

    name: str
    label: str
    permission: Permission
    pages: tuple[str, ...] = ()
    badge: Callable[[Figures], int] | None = None
    condition: Callable[[Figures], bool] | None = None
    views: tuple[tuple[str, str], ...] = ()

    def covers(self, name: str) -> bool:
        """Whether the page with this URL name is the tab's by name."""
        return name == self.name or name in self.pages


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the menu. It leads to the first of its tabs that the person may see."""

    label: str
    icon: str
    tabs: tuple[Tab, ...]

    @classmethod
    def page(cls, tab: Tab, *, icon: str) -> "Entry":
        """An entry without tabs."""
        return cls(tab.label, icon=icon, tabs=(tab,))


@dataclass(frozen=True, slots=True)
class Group:
    """Entries below a heading, which is a page too; the first group has none."""

    entries: tuple[Entry, ...]
    heading: Tab | None = None


SEE, USAGE, MONEY = (
    Permission.VIEW_ORGANIZATIONS,
    Permission.VIEW_USAGE,
    Permission.VIEW_BILLING,
)
CAPS, PSA, ACCOUNT = (
    Permission.CHANGE_CAPS,
    Permission.MANAGE_INTEGRATIONS,
    Permission.VIEW_ACCOUNT,
)
OWN = Permission.USE_OWN_ORGANIZATION

PEOPLE_TABS = (
    Tab("people_list", "Users", SEE),
    Tab("people_device_list", "Devices", SEE),
)
DAILY = Group(
    (
        Entry.page(Tab("dashboard", "Home", SEE), icon="home"),
        Entry.page(Tab("organization_list", "Organizations", SEE), icon="building-office-2"),
        Entry("Users & devices", icon="users", tabs=PEOPLE_TABS),
        Entry.page(
            Tab("alert_list", "Alerts", Permission.VIEW_ALERTS, badge=open_alerts),
            icon="bell-alert",
        ),
    )
)
USAGE_TABS = (
    Tab("usage", "This month", USAGE),
    Tab("usage_history", "12 months", USAGE),
    Tab("forecast", "Forecast", USAGE),
    Tab("active_users", "Active users", USAGE),
)
CAPS_TABS = (
    Tab("caps", "Current", CAPS),
    Tab("cap_simulation", "Try caps", CAPS),
    Tab("cap_request_list", "Requests", CAPS, badge=open_cap_requests),
)
BILLING_TABS = (
    Tab(
        "payment_history",
        "Payment History",
        MONEY,
        ("account_statement", "account_statement_pdf", "pay_all", "charge_order"),
    ),
    Tab("invoice_preview", "Next invoice", MONEY),
    Tab("contract", "Plan", MONEY, condition=has_contract),
    Tab("licenses", "Licenses", MONEY),
    Tab("billing_information", "Billing Information", MONEY),
)
AUTOTASK_TABS = (
    Tab("autotask", "Overview", PSA),
    Tab("autotask_statement", "Reconcile", MONEY),
    Tab("autotask_mapping", "Mapping", PSA, condition=is_connected),
    Tab("autotask_drift_list", "Changes", PSA, badge=undecided_drifts, condition=has_connection),
    Tab("autotask_tickets", "Tickets", PSA, condition=is_connected),
    Tab("autotask_run_list", "Runs", PSA, condition=has_connection),
    Tab(
        "autotask_setup",
        "Setup",
        PSA,
        ("autotask_credentials", "autotask_company_types", "autotask_disconnect"),
        condition=has_connection,
    ),
)
SETTINGS_TABS = (
    Tab("account_overview", "Account Overview", ACCOUNT),
    Tab("administrator_list", "Administrators", Permission.MANAGE_ADMINISTRATORS),
    Tab("provider_security", "Security", Permission.MANAGE_ADMINISTRATORS),
    Tab("audit_log", "Audit log", Permission.VIEW_AUDIT_LOG, ("audit_entry",)),
    Tab("alert_mail", "Notifications", Permission.VIEW_ALERTS),
    Tab("profile", "Profile", ACCOUNT, ("account_change_password", "mfa_index")),
    Tab("case_list", "Cases", ACCOUNT, ("case_submit",)),
)
# "Account Management" is the customer's name of the place with the four sections
# (docs/decisions/0053).
MANAGEMENT = Group(
    (
        Entry("Usage", icon="chart-bar", tabs=USAGE_TABS),
        Entry("Caps", icon="adjustments-horizontal", tabs=CAPS_TABS),
        Entry("Billing", icon="credit-card", tabs=BILLING_TABS),
        Entry("Autotask", icon="puzzle-piece", tabs=AUTOTASK_TABS),
        Entry("Settings", icon="cog-6-tooth", tabs=SETTINGS_TABS),
    ),
    heading=Tab("account_management", "Account Management", ACCOUNT),
)
MENU = (DAILY, MANAGEMENT)

# The tabs of one organization; their addresses have its id.
ORGANIZATION_TABS = (
    Tab("organization_detail", "Overview", SEE),
    Tab("user_list", "Users", SEE, ("import_list", "import_run")),
    Tab("device_list", "Devices", SEE),
    Tab("location_list", "Locations", SEE),
    Tab(
        "organization_usage",
        "Usage",
        USAGE,
        ("usage_explanation", "active_users_explanation", "activity_import"),
        views=(
            ("organization_usage", "Peak users"),
            ("forecast_organization", "Forecast"),
            ("active_users_of", "Active users"),
        ),
    ),
    Tab("organization_admin_list", "Admins", Permission.MANAGE_ORGANIZATION_ADMINS),
    Tab(
        "organization_settings",
        "Settings",
        Permission.CHANGE_ORGANIZATIONS,
        (
            "organization_rename",
            "organization_remove",
            "organization_archive",
            "tag_add",
            "link_add",
        ),
    ),
)

# The menu of an organization's own portal.
OWN_MENU = (
    Group(
        (
            Entry.page(Tab("own_organization", "Overview", OWN), icon="home"),
            Entry.page(
                Tab("own_user_list", "Users", OWN, ("own_import_list", "own_import_run")),
                icon="users",
            ),
            Entry.page(Tab("own_device_list", "Devices", OWN), icon="computer-desktop"),
            Entry.page(Tab("own_location_list", "Locations", OWN), icon="map-pin"),
            Entry.page(Tab("own_active_users_of", "Active users", OWN), icon="user-circle"),
            Entry.page(Tab("own_audit_log", "Audit log", OWN, ("own_audit_entry",)), icon="clock"),
        )
    ),
)
