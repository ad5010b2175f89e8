"""Users and devices of one organization: add, remove; suspend and reactivate users."""

from datetime import datetime
from http import HTTPStatus

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_POST

from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.actors import actor_of
from core.key_field import name_key_of
from core.names import name_key
from tenants.access import owned_or_404
from tenants.bulk.actions import Start, change_one
from tenants.bulk.refusals import Refused
from tenants.forms import DeviceForm, UserForm
from tenants.models import BulkAction, CountedRow, Device, ManagedUser
from tenants.refusals import Because, OrganizationRemoved, ProviderLeft, UserCapReached
from tenants.users.membership import (
    AlreadyThere,
    Via,
    add_member,
)
from tenants.users.new_peak import Addition, NewPeak, NewPeakOf
from tenants.views.bulk import announce
from tenants.views.member_list import MemberPages
from tenants.views.organization_scope import OrganizationScope, scoped

LONGEST_NUMBER = 10


@require_http_methods(["GET", "HEAD", "POST"])
@scoped
def member_add(
    request: PortalRequest, scope: OrganizationScope, pages: MemberPages, new_peak: NewPeakOf
) -> HttpResponse:
    """Add a user or a device by form; a new peak is confirmed first."""
    form = pages.form(request.POST or None)
    noun, status, peak = pages.model.noun, HTTPStatus.OK, None
    list_url = scope.url(f"{noun}_list")
    if form.is_valid():
        now = timezone.now()
        peak = _unconfirmed_peak(request, scope, pages.model, new_peak, now=now)
        if peak is None:
            status = _add(request, scope, pages.model, form, now=now)
            if status == HTTPStatus.CREATED:
                return redirect(scope.url(f"{noun}_add") if "another" in request.POST else list_url)
    elif form.is_bound:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    context = scope.context(
        form=form,
        noun=noun,
        list_url=list_url,
        peak=peak,
        sees_money=request.user.may(Permission.VIEW_BILLING),
    )
    return render(request, "tenants/member_add.html", context, status=status)


def _add(
    request: PortalRequest,
    scope: OrganizationScope,
    model: type[CountedRow],
    form: UserForm | DeviceForm,
    *,
    now: datetime,
) -> HTTPStatus:
    """Add the member and return the status of the response; the form says why it is no success."""
    member = model(organization=scope.organization, **form.cleaned_data)
    try:
        add_member(member=member, actor=actor_of(request), via=Via.FORM, now=now)
    except UserCapReached as refusal:
        form.add_error(None, user_cap_message(request, refusal))
        return HTTPStatus.CONFLICT
    except AlreadyThere:
        form.refuse_duplicate()
        return HTTPStatus.UNPROCESSABLE_ENTITY
    except OrganizationRemoved:
        form.add_error(None, "This organization has been removed.")
        return HTTPStatus.CONFLICT
    except ProviderLeft:
        form.add_error(None, "The account is read-only: nothing can be added.")
        return HTTPStatus.CONFLICT
    messages.success(request, f"{member} was added to {scope.organization}.")
    if isinstance(member, ManagedUser):
        _point_out_namesake(request, member)
    return HTTPStatus.CREATED


def _point_out_namesake(request: PortalRequest, user: ManagedUser) -> None:
    """Say so if another user has a name that looks the same: it may be the same person."""
    namesakes = ManagedUser.objects.living().filter(organization=user.organization)
    namesakes = namesakes.exclude(pk=user.pk).alias(key=name_key_of("name"))
    namesake = namesakes.filter(key=name_key(user.name)).first() if user.name else None
    if namesake is not None:
        messages.warning(
            request,
            f"{namesake.email} has the same name, {namesake.name}. If they are one person, remove "
            "one of them.",
        )


def _unconfirmed_peak(
    request: PortalRequest,
    scope: OrganizationScope,
    model: type[CountedRow],
    new_peak: NewPeakOf,
    *,
    now: datetime,
) -> NewPeak | None:
    """The new peak that one more would make, unless the form was sent with one as high.

    None above the user cap too, where the addition is refused.
    """
    cap = scope.organization.user_cap
    peak = new_peak(Addition(scope.organization, model.metric, 1), now)
    if peak is None or (model is ManagedUser and cap is not None and peak.own_level > cap):
        return None
    seen = request.POST.get("seen_peak", "")
    is_seen = seen.isascii() and seen.isdigit() and len(seen) < LONGEST_NUMBER
    return None if is_seen and int(seen) >= peak.own_level else peak


def user_cap_message(request: PortalRequest, refusal: UserCapReached) -> SafeString:
    """Say which limit is reached and who can raise it, by name and address."""
    if refusal.because == Because.ACCOUNT_LIMIT:
        return _account_limit_message(request, refusal)
    if refusal.because == Because.CAP:
        limit = f"its user cap of {refusal.cap:,} users"
        url = reverse("cap_edit", args=[refusal.organization_id])
        remedy = format_html('You can <a href="{}">raise the cap under Usage</a>.', url)
    else:
        limit = f"the free allowance of {refusal.cap:,} users, which a card on file lifts"
        url = reverse("billing_information")
        remedy = format_html('Add a card under <a href="{}">Billing Information</a>.', url)
    reached = f"This organization has {refusal.count:,} users and has reached {limit}."
    if request.user.may(Permission.CHANGE_CAPS):
        return format_html("{} {}", reached, remedy)
    provider = request.provider
    return format_html(
        '{} To add more, contact your MSP administrator, {} (<a href="mailto:{}">{}</a>){}.',
        reached,
        provider.contact_name,
        provider.contact_email,
        provider.contact_email,
        _request_link(request, refusal),
    )


def _account_limit_message(request: PortalRequest, refusal: UserCapReached) -> SafeString:
    """Only its account manager, or else support, can have it raised."""
    reached = (
        f"All organizations together have {refusal.count:,} users, and your agreement allows "
        f"{refusal.cap:,}."
    )
    provider = request.provider
    if request.user.may(Permission.CHANGE_CAPS):
        name, email = provider.account_manager
        name, email = name or "support", email or settings.SUPPORT_EMAIL
        whom = "your account manager" if provider.account_manager_email else "us"
    else:
        name, email, whom = provider.contact_name, provider.contact_email, "your MSP administrator"
        if request.user.may(Permission.USE_OWN_ORGANIZATION):
            reached = f"No more users can be added at present: {provider.name} has no more to give."
    return format_html(
        '{} To add more, contact {}, {} (<a href="mailto:{}">{}</a>).',
        reached,
        whom,
        name,
        email,
        email,
    )


def _request_link(request: PortalRequest, refusal: UserCapReached) -> SafeString | str:
    """A link to the cap request, where it helps: not against the free allowance."""
    if refusal.because != Because.CAP or not request.user.may(Permission.USE_OWN_ORGANIZATION):
        return ""
    return format_html(
        ', or <a href="{}">request a higher cap</a>',
        reverse("own_cap_request"),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@scoped
def user_remove(request: PortalRequest, scope: OrganizationScope, user_id: int) -> HttpResponse:
    """Ask, then remove the user."""
    user = owned_or_404(ManagedUser, organization=scope.organization, pk=user_id)
    return _remove(request, scope, user)


@require_http_methods(["GET", "HEAD", "POST"])
@scoped
def device_remove(request: PortalRequest, scope: OrganizationScope, device_id: int) -> HttpResponse:
    """Ask, then remove the device."""
    device = owned_or_404(Device, organization=scope.organization, pk=device_id)
    return _remove(request, scope, device)


def _remove(request: PortalRequest, scope: OrganizationScope, member: CountedRow) -> HttpResponse:
    back_url = scope.url(f"{member.noun}_list")
    if request.method == "POST":
        _change_one(request, scope, member, BulkAction.Verb.REMOVE, f"{member} was removed.")
        return redirect(back_url)
    context = scope.context(member=member, noun=member.noun, back_url=back_url)
    return render(request, "tenants/member_remove.html", context)


@require_POST
@scoped
def user_state(
    request: PortalRequest, scope: OrganizationScope, user_id: int, state: ManagedUser.State
) -> HttpResponse:
    """Suspend or reactivate the user, who counts in either state."""
    user = owned_or_404(ManagedUser, organization=scope.organization, pk=user_id)
    if state == ManagedUser.State.SUSPENDED:
        verb, text = BulkAction.Verb.SUSPEND, f"{user} is suspended, and still counts."
    else:
        verb, text = BulkAction.Verb.REACTIVATE, f"{user} is active again."
    _change_one(request, scope, user, verb, text)
    return redirect(scope.url("user_list"))


def _change_one(
    request: PortalRequest,
    scope: OrganizationScope,
    member: CountedRow,
    verb: BulkAction.Verb,
    text: str,
) -> None:
    """Change one member as an action of one row, which can be undone, and say so."""
    kind = BulkAction.Kind(f"{member.noun}s")
    own = scope.organization if scope.is_own else None
    start = Start(kind, verb, actor_of(request), scope.url(f"{member.noun}_list"), own)
    try:
        action = change_one(
            start=start,
            subject_id=member.pk,
            organization_id=scope.organization.pk,
            now=timezone.now(),
        )
    except Refused as refusal:
        messages.info(request, f"{member}: {refusal}")
    else:
        announce(request, action, text)
