"""The pages of steps two and three: company types, and the mapping of organizations."""

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
from core.encryption import SecretsUnreadable
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
from integrations.models import AutotaskConnection, ServiceMapping
from integrations.models.runs import GOOD
from integrations.views.autotask import manages
from tenants.access import organization_or_404
from tenants.models import Organization
from usage.formatting import counted_noun

# There are thousands, they change rarely, and each page of the mapping compares all of them.
COMPANIES_KEY, COMPANIES_SECONDS = "autotask:companies", 300
MOST_LISTED = 20
FILTERS = {"open": "Not mapped", "mapped": "Mapped", "trouble": "With a problem"}
ERRORS = (AutotaskError, NotConnected, SecretsUnreadable)


@manages
@require_http_methods(["GET", "HEAD", "POST"])
def autotask_company_types(request: PortalRequest) -> HttpResponse:
    """Choose the types of companies that are billed, and so offered for mapping."""
    settings = AutotaskConnection.objects.current()
    if settings is None or not settings.is_connected:
        return redirect("autotask_credentials")
    try:
        with current_client() as client:
            types = company_types(client)
            customer = labelled(types, "Customer")
            initial = settings.company_types or ([customer] if customer is not None else [])
            form = CompanyTypesForm(
                request.POST or None,
                choices=[(choice.value, choice.label) for choice in types],
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
    except (*ERRORS, TypeUnknown) as error:
        return _error(request, error)
    status = 422 if form.is_bound else 200
    return render(request, "integrations/company_types.html", {"form": form}, status=status)


@manages
@require_safe
def autotask_mapping(request: PortalRequest) -> HttpResponse:
    """Every organization with its service or a suggested company; only the table for htmx."""
    settings = AutotaskConnection.objects.current()
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
    organizations = Organization.objects.visible().annotate(
        living=living, mapping_id=F("living__id")
    )
    if listing.search:
        organizations = organizations.filter(name__icontains=listing.search)
    match listing.filter:
        case "open":
            organizations = organizations.filter(mapping_id=None)
        case "mapped":
            organizations = organizations.exclude(mapping_id=None)
        case "trouble":
            organizations = organizations.exclude(mapping_id=None).exclude(
                living__last_outcome__in=["", *GOOD]
            )
    return organizations.order_by("-name" if listing.sort.startswith("-") else "name", "pk")


def _names(settings: AutotaskConnection) -> tuple[Names, str]:
    """The names of the companies, and the problem with reading them, if any."""
    try:
        return Names(_companies(settings)), ""
    except ERRORS as error:
        return Names([]), str(error)


def _companies(settings: AutotaskConnection) -> list[Company]:
    companies: list[Company] | None = caches["provider"].get(COMPANIES_KEY)
    if companies is None:
        with current_client() as client:
            companies = entities.companies_of_types(client, types=settings.company_types)
        caches["provider"].set(COMPANIES_KEY, companies, COMPANIES_SECONDS)
    return companies


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
    """Map one organization: choose its company, then the contract and the service."""
    organization = organization_or_404(organization_id=organization_id)
    settings = AutotaskConnection.objects.current()
    if settings is None or not settings.is_connected:
        return redirect("autotask_credentials")
    current = ServiceMapping.objects.living().filter(organization=organization).first()
    context: dict[str, Any] = {"organization": organization, "mapping": current}
    try:
        companies = _companies(settings)
        chosen = _chosen(request, companies)
        if chosen is None:
            return _offer_companies(request, companies, context)
        return _offer_services(request, chosen, context)
    except ERRORS as error:
        return _error(request, error)


def _chosen(request: PortalRequest, companies: list[Company]) -> Company | None:
    company_id = request.GET.get("company", "")
    if not company_id:
        return None
    company = next((one for one in companies if str(one.id) == company_id), None)
    if company is None:
        raise Http404
    return company


def _offer_companies(
    request: PortalRequest, companies: list[Company], context: dict[str, Any]
) -> HttpResponse:
    listing = Listing.of(request)
    words = listing.search.casefold().split()
    matches = [one for one in companies if all(word in one.name.casefold() for word in words)]
    context |= {
        "listing": listing,
        "suggestions": Names(companies).suggestions(context["organization"].name),
        "matches": sorted(matches, key=lambda one: one.name.casefold())[:MOST_LISTED],
        "match_count": len(matches),
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
        units = service_mappings.present_units(client=client, offers=offers, now=now)
        choices = [(one.line.id, _named(one, units.get(one.line.id))) for one in offers]
        current: ServiceMapping | None = context["mapping"]
        initial = {
            "contract_service_id": current.contract_service_id if current else None,
            "non_billable_users": current.non_billable_users if current else 0,
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


def _named(offer: service_mappings.Offer, units: int | None) -> str:
    name = f"{offer.contract.name}: {offer.service.name}"
    return name if units is None else f"{name} ({counted_noun(units, 'units')} today)"


@manages
@require_POST
def autotask_unmap(request: PortalRequest, organization_id: int) -> HttpResponse:
    """Stop syncing the organization."""
    organization = organization_or_404(organization_id=organization_id)
    service_mappings.remove(organization=organization, actor=actor_of(request), now=timezone.now())
    messages.success(request, f"{organization.name} is no longer mapped.")
    return redirect("autotask_mapping")


def _error(request: PortalRequest, error: Exception) -> HttpResponse:
    messages.error(request, str(error))
    return redirect("autotask")
