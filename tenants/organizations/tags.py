"""Tags of organizations, by which lists are filtered, and links to pages elsewhere."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Min

from core.actors import Actor
from core.names import name_key
from tenants import audit
from tenants.models import Organization, OrganizationLink, OrganizationTag

MOST_TAGS = 20
MOST_LINKS = 20


class TooMany(Exception):
    """The organization has as many tags or links as it may have."""


class NoChange(Exception):
    """The organization has the tag already, or does not have it."""


def tags_in_use() -> list[tuple[str, str]]:
    """Key and text of each tag of the organizations that the signed-in person may see."""
    tags = OrganizationTag.objects.filter(organization__in=Organization.objects.visible())
    found = tags.values("key").annotate(text=Min("text"), number=Count("pk")).order_by("key")
    return [(one["key"], one["text"]) for one in found]


def tags_of(organization_ids: Collection[int]) -> dict[int, list[str]]:
    """The tags of each of these organizations; one statement, none for no organization."""
    found: dict[int, list[str]] = {}
    if not organization_ids:
        return found
    tags = OrganizationTag.objects.filter(organization__in=organization_ids).order_by("key")
    for organization_id, text in tags.values_list("organization_id", "text"):
        found.setdefault(organization_id, []).append(text)
    return found


@transaction.atomic
def add_tag(*, organization: Organization, text: str, actor: Actor, now: datetime) -> None:
    """Tag the organization. Raises `NoChange` and `TooMany`."""
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    tags = OrganizationTag.objects.filter(organization=organization)
    if tags.filter(key=name_key(text)).exists():
        raise NoChange
    if tags.count() >= MOST_TAGS:
        raise TooMany
    OrganizationTag.objects.create(organization=organization, text=text, key=name_key(text))
    _record("organization.tagged", organization, after={"tag": text}, actor=actor, now=now)


@transaction.atomic
def remove_tag(*, organization: Organization, text: str, actor: Actor, now: datetime) -> None:
    """Take a tag, in any spelling, from the organization. Raises `NoChange`."""
    tag = (
        OrganizationTag.objects.select_for_update()
        .filter(organization=organization, key=name_key(text))
        .first()
    )
    if tag is None:
        raise NoChange
    tag.delete()
    _record("organization.untagged", organization, before={"tag": tag.text}, actor=actor, now=now)


@transaction.atomic
def add_link(
    *, organization: Organization, label: str, url: str, actor: Actor, now: datetime
) -> None:
    """Add a link to a page elsewhere. Raises `TooMany`."""
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    if OrganizationLink.objects.filter(organization=organization).count() >= MOST_LINKS:
        raise TooMany
    OrganizationLink.objects.create(organization=organization, label=label, url=url)
    values = {"label": label, "url": url}
    _record("organization.link_added", organization, after=values, actor=actor, now=now)


@transaction.atomic
def remove_link(*, link: OrganizationLink, actor: Actor, now: datetime) -> None:
    """Remove the link; again, it changes nothing."""
    organization, values = link.organization, {"label": link.label, "url": link.url}
    if OrganizationLink.objects.filter(pk=link.pk).delete()[0]:
        _record("organization.link_removed", organization, before=values, actor=actor, now=now)


def _record(
    action: str,
    organization: Organization,
    *,
    actor: Actor,
    now: datetime,
    before: dict[str, str] | None = None,
    after: dict[str, str] | None = None,
) -> None:
    audit.record(
        actor=actor,
        action=action,
        subject=organization.name,
        organization=organization,
        before=before,
        after=after,
        now=now,
    )
