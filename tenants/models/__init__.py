"""Models of organizations, members, alerts, requests, imports and bulk actions of a provider."""

from tenants.models.alerts import MONEY_KINDS, Alert, AlertEvent, AlertMailPreference, Severity
from tenants.models.audit import AuditEntry
from tenants.models.bulk import BulkAction, BulkItem
from tenants.models.cap_requests import CapRequest
from tenants.models.cases import CaseMessage, SupportCase
from tenants.models.imports import ImportRun, RefusedLine, RememberedReading
from tenants.models.list_views import LONGEST_VIEW_NAME, ChosenColumns, SavedView
from tenants.models.members import (
    EXTERNAL_ID_LENGTH,
    CountedRow,
    Device,
    Location,
    ManagedUser,
    MemberQuerySet,
    UserAlias,
)
from tenants.models.metering import BilledPeriod, MeteringPolicy, free_limit_at
from tenants.models.organizations import (
    LARGEST_MAU_LIMIT,
    LARGEST_USER_CAP,
    LONGEST_TAG,
    SMALLEST_MAU_LIMIT,
    SMALLEST_USER_CAP,
    Organization,
    OrganizationLink,
    OrganizationQuerySet,
    OrganizationTag,
)

__all__ = [
    "EXTERNAL_ID_LENGTH",
    "LARGEST_MAU_LIMIT",
    "LARGEST_USER_CAP",
    "LONGEST_TAG",
    "LONGEST_VIEW_NAME",
    "MONEY_KINDS",
    "SMALLEST_MAU_LIMIT",
    "SMALLEST_USER_CAP",
    "Alert",
    "AlertEvent",
    "AlertMailPreference",
    "AuditEntry",
    "BilledPeriod",
    "BulkAction",
    "BulkItem",
    "CapRequest",
    "CaseMessage",
    "ChosenColumns",
    "CountedRow",
    "Device",
    "ImportRun",
    "Location",
    "ManagedUser",
    "MemberQuerySet",
    "MeteringPolicy",
    "Organization",
    "OrganizationLink",
    "OrganizationQuerySet",
    "OrganizationTag",
    "RefusedLine",
    "RememberedReading",
    "SavedView",
    "Severity",
    "SupportCase",
    "UserAlias",
    "free_limit_at",
]
