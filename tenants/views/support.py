"""Help for everyone, "Submit a Case", and the cases of a provider with their answers."""

from typing import Any
from uuid import uuid4

from allauth.core.internal.httpkit import get_client_ip
from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from accounts.policies import anyone, requires
from accounts.requests import PortalRequest, SiteRequest
from accounts.roles import Permission, Role
from core.actors import actor_of
from core.cache import counted
from tenants.cases.cases import CaseClosed, TooManyMessages, close_case, open_case, reply
from tenants.cases.forms import CaseForm, MessageForm, VisitorCaseForm
from tenants.cases.mails import mail_of_visitor
from tenants.models import SupportCase

UNPROCESSABLE, TOO_MANY = 422, 429
PER_PAGE = 25
HOUR = 3600
# Of people who are not signed in: from one address, and from all of them together.
MOST_OF_ADDRESS, MOST_OF_VISITORS = 5, 60
CASES = requires(Permission.VIEW_ACCOUNT, Permission.USE_OWN_ORGANIZATION)


@anyone
@require_safe
def help_page(request: SiteRequest) -> HttpResponse:
    """Whom to ask, by name and address, and the way to submit a case."""
    return render(request, "tenants/help.html", _contacts(request))


@anyone
@require_http_methods(["GET", "HEAD", "POST"])
def case_submit(request: SiteRequest) -> HttpResponse:
    """Submit a case. It is stored for people of a provider; what others write is only mailed."""
    user, provider = request.user, request.provider
    is_stored = bool(user.is_authenticated and provider and provider.is_active)
    is_stored = is_stored and not user.is_staff
    form_class = CaseForm if is_stored else VisitorCaseForm
    form = form_class(request.POST or None)
    status = 200
    if request.method == "POST":
        if not form.is_valid():
            status = UNPROCESSABLE
        elif not (_store(request, form) if is_stored else _mail(request, form)):
            form.add_error(
                None,
                "Too many messages were sent in the last hour. Nothing was sent: write to "
                f"{settings.SUPPORT_EMAIL}, or try again later.",
            )
            status = TOO_MANY
        else:
            messages.success(request, "Your case was submitted. Support answers by e-mail.")
            return redirect("case_list" if is_stored else "help")
    context = _contacts(request) | {"form": form}
    return render(request, "tenants/case_submit.html", context, status=status)


@CASES
@require_safe
def case_list(request: PortalRequest) -> HttpResponse:
    """The cases that the person may see, those that changed last first."""
    cases = SupportCase.objects.visible_to(request.user).order_by("-changed_at", "-pk")
    page = Paginator(cases, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "tenants/case_list.html", {"page": page})


@CASES
@require_http_methods(["GET", "HEAD", "POST"])
def case_detail(request: PortalRequest, case_id: int) -> HttpResponse:
    """A case with its messages; POST adds one, or closes the case."""
    case = get_object_or_404(SupportCase.objects.visible_to(request.user), pk=case_id)
    now, status = timezone.now(), 200
    if request.method == "POST" and "close" in request.POST:
        try:
            close_case(case=case, actor=actor_of(request), now=now)
        except CaseClosed:
            messages.info(request, "This case is closed already.")
        else:
            messages.success(request, "The case is closed. A message opens it again.")
        return redirect("case_detail", case.pk)
    form = MessageForm(request.POST or None)
    if request.method == "POST":
        status = UNPROCESSABLE
        if form.is_valid():
            text = form.cleaned_data["text"]
            try:
                reply(provider=request.provider, case=case, text=text, by=request.user, now=now)
            except TooManyMessages:
                form.add_error(None, "You sent many messages in the last hour. Try again later.")
                status = TOO_MANY
            else:
                messages.success(request, "Your message was sent to support.")
                return redirect("case_detail", case.pk)
    context = {"case": case, "case_messages": case.messages.all(), "form": form}
    return render(request, "tenants/case_detail.html", context, status=status)


def _store(request: SiteRequest, form: CaseForm) -> bool:
    """Whether the case was stored: not after too many."""
    if not isinstance(request.user, User) or request.provider is None:
        raise TypeError("Only a person of a provider has stored cases.")
    try:
        open_case(
            provider=request.provider,
            subject=form.cleaned_data["subject"],
            text=form.cleaned_data["text"],
            by=request.user,
            now=timezone.now(),
        )
    except TooManyMessages:
        return False
    return True


def _mail(request: SiteRequest, form: CaseForm) -> bool:
    """Whether the mail was queued: not after too many, nor while they can't be counted."""
    typed = dict(form.cleaned_data)
    if typed.pop("website"):
        # A program: it gets the answer of a success, and nothing is sent.
        return True
    try:
        of_address = counted(f"case-of:{get_client_ip(request)}", seconds=HOUR)
        of_all = counted("case-of-visitors", seconds=HOUR) if of_address <= MOST_OF_ADDRESS else 0
    except ValueError:
        return False
    if of_address > MOST_OF_ADDRESS or of_all > MOST_OF_VISITORS:
        return False
    mail_of_visitor(**typed, key=str(uuid4()), now=timezone.now())
    return True


def _contacts(request: SiteRequest) -> dict[str, Any]:
    """Whom the page names: support for everyone; a provider's people also their own contacts."""
    context: dict[str, Any] = {
        "support_email": settings.SUPPORT_EMAIL,
        "billing_email": settings.SELLER["email"],
        "is_of_provider": False,
        "is_organization_admin": False,
        "payers": [],
    }
    user, provider = request.user, request.provider
    if not isinstance(user, User) or provider is None or user.is_staff:
        return context
    context["is_of_provider"] = True
    context["is_organization_admin"] = user.role == Role.ORGANIZATION_ADMIN
    if user.role != Role.ORGANIZATION_ADMIN and not user.may(Permission.VIEW_BILLING):
        context["payers"] = User.objects.whom_to_ask(Permission.CHANGE_BILLING, provider=provider)
    return context
