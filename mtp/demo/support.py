"""The demo's account manager, agreed limits and days, and a case with its answer."""

from datetime import datetime, timedelta

from accounts.models import Provider, User
from accounts.roles import Role
from core.actors import Actor, ActorKind
from mtp.demo.companies import OPERATIONS, DemoProvider
from tenants.cases.cases import answer, open_case
from tenants.organizations.account_limit import set_account_limit

ACCOUNT_MANAGER = ("Carla Jensen", "carla.jensen@mtp.example")
# By invoice prefix: the most users, and an issue day other than the 1st.
MOST_USERS = {"DEMO": 2_500}
ISSUE_DAYS = {"CASC": 5}


def add_support(plan: DemoProvider, provider: Provider, *, now: datetime) -> None:
    """Name the account manager, set what was agreed, and submit and answer a case."""
    provider.account_manager_name, provider.account_manager_email = ACCOUNT_MANAGER
    provider.issue_day = ISSUE_DAYS.get(plan.prefix, 1)
    provider.save(update_fields=["account_manager_name", "account_manager_email", "issue_day"])
    staff = User.objects.get(email=OPERATIONS[1])
    actor = Actor(id=staff.pk, name=staff.name, kind=ActorKind.OPERATIONS)
    if plan.prefix in MOST_USERS:
        set_account_limit(limit=MOST_USERS[plan.prefix], actor=actor, now=now)
    person = User.objects.filter(provider=provider, role=Role.BILLING_ADMIN).first()
    if person is None:
        return
    case = open_case(
        provider=provider,
        subject="Invoices before we joined the portal",
        text="Our auditor asks for our invoices of 2021. Payment History doesn't offer them.",
        by=person,
        now=now - timedelta(days=2),
    )
    answer(
        provider=provider,
        case=case,
        text="Invoices finalized before the cut-off are kept by your account manager, "
        f"{ACCOUNT_MANAGER[0]}, who sends them to you today.",
        closes=False,
        actor=actor,
        now=now - timedelta(days=1),
    )
