"""Settings of one organization: its tags and links, and archiving it."""

from http import HTTPStatus

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.actors import actor_of
from core.scope import within
from tenants.access import organization_or_404
from tenants.bulk.actions import Start, change_one
from tenants.bulk.refusals import Refused
from tenants.forms import LinkForm, TagForm
from tenants.models import BulkAction, Device, ManagedUser, Organization
from tenants.organizations.tags import (
    MOST_LINKS,
    MOST_TAGS,
    NoChange,
    TooMany,
    add_link,
    add_tag,
    remove_link,
    remove_tag,
)
from tenants.views.bulk import announce

Verb = BulkAction.Verb


@requires(Permission.CHANGE_ORGANIZATIONS)
@require_safe
def organization_settings(request: PortalRequest, organization_id: int) -> HttpResponse:
    """What can be changed about the organization."""
    organization = organization_or_404(organization_id=organization_id)
    return _settings(request, organization, TagForm(), LinkForm())


def _settings(
    request: PortalRequest,
    organization: Organization,
    tag_form: forms.Form,
    link_form: forms.Form,
    status: HTTPStatus = HTTPStatus.OK,
) -> HttpResponse:
    context = {
        "organization": organization,
        "tags": organization.tags.order_by("key"),
        "links": organization.links.order_by("label", "pk"),
        "tag_form": tag_form,
        "link_form": link_form,
        "may_cap": request.user.may(Permission.CHANGE_CAPS),
    }
    return render(request, "tenants/organization_settings.html", context, status=status)


@requires(Permission.CHANGE_ORGANIZATIONS)
@require_POST
def tag_add(request: PortalRequest, organization_id: int) -> HttpResponse:
    """Tag the organization."""
    organization = organization_or_404(organization_id=organization_id)
    form = TagForm(request.POST)
    if form.is_valid():
        actor, text = actor_of(request), form.cleaned_data["tag"]
        try:
            add_tag(organization=organization, text=text, actor=actor, now=timezone.now())
        except NoChange:
            form.add_error("tag", "The organization has this tag already.")
        except TooMany:
            form.add_error("tag", f"An organization can have {MOST_TAGS} tags. Remove one first.")
        else:
            messages.success(request, f"{organization.name} is tagged {text}.")
            return redirect("organization_settings", organization_id=organization.pk)
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return _settings(request, organization, form, LinkForm(), status)


@requires(Permission.CHANGE_ORGANIZATIONS)
@require_POST
def tag_remove(request: PortalRequest, organization_id: int) -> HttpResponse:
    """Take a tag from the organization; again, it changes nothing."""
    organization = organization_or_404(organization_id=organization_id)
    form = TagForm(request.POST)
    if form.is_valid():
        actor, text = actor_of(request), form.cleaned_data["tag"]
        try:
            remove_tag(organization=organization, text=text, actor=actor, now=timezone.now())
        except NoChange:
            messages.info(request, "The organization does not have this tag any more.")
        else:
            messages.success(request, f"{organization.name} is no longer tagged {text}.")
    return redirect("organization_settings", organization_id=organization.pk)


@requires(Permission.CHANGE_ORGANIZATIONS)
@require_POST
def link_add(request: PortalRequest, organization_id: int) -> HttpResponse:
    """Add a link to a page elsewhere."""
    organization = organization_or_404(organization_id=organization_id)
    form = LinkForm(request.POST)
    if form.is_valid():
        given, actor = form.cleaned_data, actor_of(request)
        try:
            add_link(
                organization=organization,
                label=given["label"],
                url=given["url"],
                actor=actor,
                now=timezone.now(),
            )
        except TooMany:
            form.add_error(None, f"An organization can have {MOST_LINKS} links. Remove one first.")
        else:
            messages.success(request, f"The link {given['label']} was added.")
            return redirect("organization_settings", organization_id=organization.pk)
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return _settings(request, organization, TagForm(), form, status)


@requires(Permission.CHANGE_ORGANIZATIONS)
@require_POST
def link_remove(request: PortalRequest, organization_id: int, link_id: int) -> HttpResponse:
    """Remove a link of the organization."""
    organization = organization_or_404(organization_id=organization_id)
    link = organization.links.filter(pk=link_id).first()
    if link is None:
        raise Http404
    remove_link(link=link, actor=actor_of(request), now=timezone.now())
    messages.success(request, f"The link {link.label} was removed.")
    return redirect("organization_settings", organization_id=organization.pk)


@requires(Permission.CHANGE_ORGANIZATIONS)
@require_http_methods(["GET", "HEAD", "POST"])
def organization_archive(request: PortalRequest, organization_id: int) -> HttpResponse:
    """Ask, then archive the organization, unless it has users or devices."""
    organization = organization_or_404(organization_id=organization_id)
    refusal = ""
    if request.method == "POST":
        try:
            action = _change(request, organization, Verb.ARCHIVE)
        except Refused as reason:
            refusal = str(reason)
        else:
            announce(request, action, f"{organization.name} was archived.")
            return redirect("organization_list")
    context = {
        "organization": organization,
        "users": ManagedUser.objects.living().filter(organization=organization).count(),
        "devices": Device.objects.living().filter(organization=organization).count(),
        "refusal": refusal,
    }
    status = HTTPStatus.CONFLICT if refusal else HTTPStatus.OK
    return render(request, "tenants/organization_archive.html", context, status=status)


@requires(Permission.CHANGE_ORGANIZATIONS)
@require_POST
def organization_restore(request: PortalRequest, organization_id: int) -> HttpResponse:
    """Restore an archived organization."""
    archived = Organization.objects.archived().filter(within("pk"), pk=organization_id).first()
    if archived is None:
        raise Http404
    try:
        action = _change(request, archived, Verb.RESTORE)
    except Refused as reason:
        messages.error(request, f"{archived.name} was not restored: {reason}")
        return redirect("organization_list")
    announce(request, action, f"{archived.name} was restored.")
    return redirect("organization_detail", organization_id=archived.pk)


def _change(
    request: PortalRequest, organization: Organization, verb: BulkAction.Verb
) -> BulkAction:
    start = Start(BulkAction.Kind.ORGANIZATIONS, verb, actor_of(request), "/organizations/")
    pk = organization.pk
    return change_one(start=start, subject_id=pk, organization_id=pk, now=timezone.now())
