"""Steps two and three: company types, and which service carries which organization."""

from typing import Any

from django.contrib import messages
from django.core.cache import caches
from django.db.models import F, FilteredRelation, Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.requests import PortalRequest
from core.actors import actor_of
from core.listing import Listing
from integrations.autotask.api import entities
from integrations.autotask.api.entities import Company
from integrations.autotask.api.errors import AutotaskError
from integrations.autotask.api.picklists import labelled
from integrations.autotask.connection import (
    NotConnected,
    TypeUnknown,
    choose_company_types,
    company_types,
    current_client,
)
from integrations.autotask.forms import CompanyTypesForm, MappingForm
from integrations.autotask.mapping import service_mappings
from integrations.autotask.mapping.suggestions import Names
from integrations.encryption import SecretsUnreadable
from integrations.models import AutotaskConnection, ServiceMapping
from integrations.models.runs import GOOD
from integrations.views.autotask import manages, settings_or_none
from tenants.access import organization_or_404
from tenants.models import Organization

# Thousands of companies change rarely, and each page of the mapping suggests among all of them.
COMPANIES_KEY, COMPANIES_SECONDS = "autotask:companies", 300
MOST_FOUND = 20
FILTERS = {"open": "Not mapped", "mapped": "Mapped", "trouble": "With a problem"}
TROUBLES = (AutotaskError, NotConnected, SecretsUnreadable)


@manages
@require_http_methods(["GET", "HEAD", "POST"])
def autotask_company_types(request: PortalRequest) -> HttpResponse:
    """Which companies are billed customers, and so offered for mapping."""
    settings = settings_or_none()
    if settings is None or not settings.is_connected:
        return redirect("autotask_credentials")
    try:
        with current_client() as client:
            known = company_types(client)
            customer = labelled(known, "Customer")
            initial = settings.company_types or ([customer] if customer is not None else [])
            form = CompanyTypesForm(
                request.POST or None,
                choices=[(choice.value, choice.label) for choice in known],
                initial={"types": initial},
            )
            if form.is_bound and form.is_valid():
                choose_company_types(
                    client=client,
                    types=form.cleaned_data["types"],
                    actor=actor_of(request),
                    now=timezone.now(),
                )
                caches["provider"].delete(COMPANIES_KEY)
                messages.success(request, "The company types were saved.")
                return redirect("autotask_mapping")
    except (*TROUBLES, TypeUnknown) as error:
        return _trouble(request, error)
    status = 422 if form.is_bound else 200
    return render(request, "integrations/company_types.html", {"form": form}, status=status)


@manages
@require_safe
def autotask_mapping(request: PortalRequest) -> HttpResponse:
    """Every organization, its service or the likeliest company; only the table for htmx."""
    settings = settings_or_none()
    if settings is None or not settings.is_connected:
        return redirect("autotask_credentials")
    if not settings.company_types:
        return redirect("autotask_company_types")
    listing = Listing.of(request, sorts=("name",), default_sort="name", filters=FILTERS)
    page = listing.page_of(_organizations(listing))
    mappings = ServiceMapping.objects.living().in_bulk([one.mapping_id for one in page])
    names, problem = _names(settings)
    rows = [_row(one, mappings.get(one.mapping_id), names) for one in page]
    context = {
        "listing": listing,
        "page": page,
        "rows": rows,
        "tabs": [("", "All"), *FILTERS.items()],
        "progress": service_mappings.progress(),
        "problem": problem,
        "path": request.path,
    }
    is_partial = request.htmx.target == "mapping"
    template = "integrations/_mapping.html" if is_partial else "integrations/mapping.html"
    return render(request, template, context)


def _organizations(listing: Listing) -> QuerySet[Any]:
    living = FilteredRelation("servicemapping", condition=Q(servicemapping__removed_at=None))
    found = Organization.objects.visible().annotate(living=living, mapping_id=F("living__id"))
    if listing.search:
        found = found.filter(name__icontains=listing.search)
    match listing.filter:
        case "open":
            found = found.filter(mapping_id=None)
        case "mapped":
            found = found.exclude(mapping_id=None)
        case "trouble":
            found = found.exclude(mapping_id=None).exclude(living__last_outcome__in=["", *GOOD])
    return found.order_by("-name" if listing.sort.startswith("-") else "name", "pk")


def _names(settings: AutotaskConnection) -> tuple[Names, str]:
    """The customer's companies, remembered for a moment; none and why where they can't be had."""
    try:
        return Names(_companies(settings)), ""
    except TROUBLES as error:
        return Names([]), str(error)


def _companies(settings: AutotaskConnection) -> list[Company]:
    known: list[Company] | None = caches["provider"].get(COMPANIES_KEY)
    if known is None:
        with current_client() as client:
            known = entities.companies_of_types(client, types=settings.company_types)
        caches["provider"].set(COMPANIES_KEY, known, COMPANIES_SECONDS)
    return known


def _row(organization: Any, mapped: ServiceMapping | None, names: Names) -> dict[str, Any]:
    suggestions = [] if mapped else names.suggestions(organization.name)
    return {
        "organization": organization,
        "mapping": mapped,
        "suggestion": suggestions[0] if suggestions else None,
        "is_in_trouble": bool(mapped and mapped.last_outcome not in {"", *GOOD}),
    }


@manages
@require_http_methods(["GET", "HEAD", "POST"])
def autotask_map(request: PortalRequest, organization_id: int) -> HttpResponse:
    """One organization: first its company, then contract and service; nothing without a person."""
    organization = organization_or_404(organization_id=organization_id)
    settings = settings_or_none()
    if settings is None or not settings.is_connected:
        return redirect("autotask_credentials")
    present = ServiceMapping.objects.living().filter(organization=organization).first()
    context: dict[str, Any] = {"organization": organization, "mapping": present}
    try:
        companies = _companies(settings)
        chosen = _chosen(request, companies)
        if chosen is None:
            return _offer_companies(request, companies, context)
        return _offer_services(request, chosen, context)
    except TROUBLES as error:
        return _trouble(request, error)


def _chosen(request: PortalRequest, companies: list[Company]) -> Company | None:
    asked = request.GET.get("company", "")
    if not asked:
        return None
    found = next((one for one in companies if str(one.id) == asked), None)
    if found is None:
        raise Http404
    return found


def _offer_companies(
    request: PortalRequest, companies: list[Company], context: dict[str, Any]
) -> HttpResponse:
    listing = Listing.of(request)
    words = listing.search.casefold().split()
    found = [one for one in companies if all(word in one.name.casefold() for word in words)]
    context |= {
        "listing": listing,
        "suggestions": Names(companies).suggestions(context["organization"].name),
        "found": sorted(found, key=lambda one: one.name.casefold())[:MOST_FOUND],
        "found_count": len(found),
        "path": request.path,
    }
    is_partial = request.htmx.target == "companies"
    template = "integrations/_companies.html" if is_partial else "integrations/map_company.html"
    return render(request, template, context)


def _offer_services(
    request: PortalRequest, company: Company, context: dict[str, Any]
) -> HttpResponse:
    now = timezone.now()
    with current_client() as client:
        offers = service_mappings.offers_of(client=client, company_id=company.id, now=now)
        choices = [(one.line.id, f"{one.contract.name}: {one.service.name}") for one in offers]
        present: ServiceMapping | None = context["mapping"]
        initial = {
            "contract_service_id": present.contract_service_id if present else None,
            "non_billable_users": present.non_billable_users if present else 0,
        }
        if len(choices) == 1:
            initial["contract_service_id"] = choices[0][0]
        form = MappingForm(request.POST or None, choices=choices, initial=initial)
        if form.is_bound and form.is_valid():
            try:
                service_mappings.confirm(
                    client=client,
                    organization=context["organization"],
                    company_id=company.id,
                    contract_service_id=form.cleaned_data["contract_service_id"],
                    non_billable_users=form.cleaned_data["non_billable_users"],
                    actor=actor_of(request),
                    now=now,
                )
            except service_mappings.MappingRefused as refusal:
                form.add_error(None, str(refusal))
            else:
                messages.success(request, f"{context['organization'].name} is mapped.")
                return redirect("autotask_mapping")
    context |= {"company": company, "offers": offers, "form": form}
    status = 422 if form.is_bound else 200
    return render(request, "integrations/map_service.html", context, status=status)


@manages
@require_POST
def autotask_unmap(request: PortalRequest, organization_id: int) -> HttpResponse:
    """Nothing of the organization is synced any more."""
    organization = organization_or_404(organization_id=organization_id)
    service_mappings.remove(organization=organization, actor=actor_of(request), now=timezone.now())
    messages.success(request, f"{organization.name} is no longer mapped.")
    return redirect("autotask_mapping")


def _trouble(request: PortalRequest, error: Exception) -> HttpResponse:
    messages.error(request, str(error))
    return redirect("autotask")
