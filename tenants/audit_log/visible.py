"""The rows of the audit log that a person may see."""

from collections.abc import Iterable

from django.db.models import Q, QuerySet

from accounts.models import User
from accounts.roles import Permission
from core.scope import visible_organizations
from tenants.audit_log.kinds import is_about_people, is_seen
from tenants.models import AuditEntry, Organization


def visible_entries(
    entries: QuerySet[AuditEntry],
    *,
    by: User,
    actions: Iterable[str],
    own: Organization | None = None,
) -> QuerySet[AuditEntry]:
    """Those of the rows, with one of these actions, that the person's role includes.

    Who sees some organizations only sees their rows and none of the provider's own. With `own`, the
    rows of that organization as its own admins see them.
    """
    is_own = own is not None
    seen = [action for action in actions if is_seen(action, by=by, is_own=is_own)]
    if own is not None:
        return entries.filter(organization_id=own.pk, action__in=seen)
    visible = visible_organizations()
    if visible is not None:
        entries = entries.filter(organization_id__in=visible)
    entries = entries.filter(action__in=seen)
    if not by.may(Permission.MANAGE_ADMINISTRATORS):
        people = [action for action in seen if is_about_people(action)]
        entries = entries.exclude(Q(action__in=people, organization_id=None))
    return entries
