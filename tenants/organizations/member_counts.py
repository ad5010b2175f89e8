"""The present number of users and devices beside each organization."""

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from tenants.models import CountedRow, Device, ManagedUser, Organization


def with_member_counts(organizations: QuerySet[Organization]) -> QuerySet[Organization]:
    """The organizations with their living `users` and `devices`."""
    return organizations.annotate(users=_living(ManagedUser), devices=_living(Device))


def _living(model: type[CountedRow]) -> Coalesce:
    rows = model.objects.living().filter(organization=OuterRef("pk")).order_by()
    counts = rows.values("organization").annotate(living=Count("pk")).values("living")
    return Coalesce(Subquery(counts), 0, output_field=IntegerField())
