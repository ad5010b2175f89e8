"""The dropdowns of the License page: one organization, one month."""

from dataclasses import dataclass

from django.http import HttpRequest

from core.months import Month
from core.plain_numbers import plain_id
from tenants.access import organization_or_404
from tenants.models import Organization

ORGANIZATION, MONTH = "organization", "month"
# The dropdown of a provider with more organizations is as long; the search finds the others.
MOST_LISTED = 500


@dataclass(frozen=True, slots=True)
class Choice:
    """What is shown: all organizations or one, all `months` or one of them."""

    months: tuple[Month, ...]
    organization: Organization | None
    month: Month | None

    @classmethod
    def of(cls, request: HttpRequest, *, months: tuple[Month, ...]) -> "Choice":
        """Read `organization` and `month`; an unknown month is ignored.

        Raises 404 for an organization that the person may not see.
        """
        pk, name = plain_id(request.GET.get(ORGANIZATION, "")), request.GET.get(MONTH, "")
        organization = None if pk is None else organization_or_404(organization_id=pk)
        month = next((each for each in months if str(each) == name), None)
        return cls(months, organization, month)

    @property
    def organization_id(self) -> int | None:
        """The id of the chosen organization; None for all."""
        return self.organization.pk if self.organization else None

    @property
    def shown_months(self) -> tuple[Month, ...]:
        """The months of the table."""
        return (self.month,) if self.month else self.months

    def organizations(self) -> list[tuple[int, str]]:
        """Ids and names for the dropdown, the chosen one included."""
        visible = Organization.objects.visible().order_by("name", "pk")
        found: list[tuple[int, str]] = list(visible.values_list("pk", "name")[:MOST_LISTED])
        chosen = self.organization
        if chosen is not None and chosen.pk not in dict(found):
            found.append((chosen.pk, chosen.name))
        return found
