"""The API of alerts, and of the notifications of a provider's own services."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.core.validators import URLValidator
from django.http import Http404
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field, StringConstraints

from accounts.api_access import ApiRequest, api_actor
from core.text import plain_lines
from tenants.access import organization_or_404
from tenants.alerts.service_notifications import (
    Notification,
    notify,
    resolve_notification,
    service_cause,
)
from tenants.api.fields import (
    LARGEST_ID,
    Body,
    Name,
    Page,
    PageQuery,
    ServiceKey,
    accepted_by,
    page_of,
)
from tenants.models import Alert, Severity
from tenants.models.alerts import LONGEST_LINK, Kind

router = Router(tags=["Alerts"])
ALERTS = "/organizations/{organization_id}/alerts"
LONGEST_TEXT = 2_000

Word = Literal["info", "warning", "critical"]
KindWord = Literal["caps", "licenses", "allowance", "payment", "psa", "ledger", "service"]
Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=LONGEST_TEXT),
    accepted_by(plain_lines),
]
Link = Annotated[
    str,
    StringConstraints(max_length=LONGEST_LINK),
    accepted_by(URLValidator(schemes=["http", "https"])),
    Field(json_schema_extra={"format": "uri"}),
]


class AlertOut(Schema):
    """An alert; open while `resolved_at` is null. `key` is that of a service's notification."""

    id: int
    kind: KindWord
    severity: Word
    title: str
    text: str
    organization_id: int | None
    key: str | None
    link: str
    opened_at: datetime
    resolved_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None

    @staticmethod
    def resolve_severity(alert: Alert) -> str:
        """The name of the severity."""
        return Severity(alert.severity).name.lower()

    @staticmethod
    def resolve_key(alert: Alert) -> str | None:
        """The key that the service sent."""
        if alert.kind != Kind.SERVICE or alert.organization_id is None:
            return None
        prefix = service_cause(organization_id=alert.organization_id, key="")
        return alert.cause.removeprefix(prefix)

    @staticmethod
    def resolve_acknowledged_by(alert: Alert) -> str | None:
        """The administrator who acknowledged it."""
        return alert.acknowledged_by_name or None


class AlertsQuery(PageQuery):
    """Selection of alerts: open ones by default."""

    state: Literal["open", "resolved", "all"] = "open"
    kind: KindWord | None = None
    organization_id: int | None = Field(None, ge=1, le=LARGEST_ID)


class NewAlert(Body):
    """A condition that needs an administrator. Sent again with its `key`, it is the same alert."""

    key: ServiceKey
    severity: Word = "warning"
    title: Name
    text: Text = ""
    link: Link | None = Field(None, description="Where it can be ended: an http or https URL.")


class SettledAlert(Body):
    """A condition that is over."""

    key: ServiceKey


@router.get("/alerts", response=Page[AlertOut], summary="List alerts")
def list_alerts(
    request: ApiRequest,  # noqa: ARG001 - ninja's signature
    query: Annotated[AlertsQuery, Query()],
) -> dict[str, Any]:
    """Alerts of all kinds in order of id."""
    alerts = Alert.objects.all()
    if query.state == "open":
        alerts = alerts.open()
    elif query.state == "resolved":
        alerts = alerts.resolved()
    if query.kind:
        alerts = alerts.filter(kind=query.kind)
    if query.organization_id:
        alerts = alerts.filter(organization_id=query.organization_id)
    return page_of(alerts, query)


@router.get("/alerts/{alert_id}", response=AlertOut, summary="Get an alert")
def get_alert(
    request: ApiRequest,  # noqa: ARG001 - ninja's signature
    alert_id: int,
) -> Alert:
    """One alert, open or resolved."""
    alert = Alert.objects.filter(pk=alert_id).first()
    if alert is None:
        raise Http404
    return alert


@router.post(ALERTS, response={200: AlertOut, 201: AlertOut}, summary="Raise an alert")
def raise_alert(request: ApiRequest, organization_id: int, body: NewAlert) -> Status[Any]:
    """201 for a new alert; 200 where the key's alert is open and was updated."""
    organization = organization_or_404(organization_id=organization_id)
    notification = Notification(
        key=body.key,
        severity=Severity[body.severity.upper()],
        title=body.title,
        text=body.text,
        link=body.link or "",
    )
    alert, is_new = notify(
        organization=organization,
        notification=notification,
        actor=api_actor(request),
        now=timezone.now(),
    )
    return Status(201 if is_new else 200, alert)


@router.post(f"{ALERTS}/resolve", response=AlertOut, summary="Resolve an alert")
def resolve_alert(request: ApiRequest, organization_id: int, body: SettledAlert) -> Alert:
    """The key's alert, resolved now or before; 404 where there never was one."""
    organization = organization_or_404(organization_id=organization_id)
    alert = resolve_notification(
        organization=organization, key=body.key, actor=api_actor(request), now=timezone.now()
    )
    if alert is None:
        raise Http404
    return alert
