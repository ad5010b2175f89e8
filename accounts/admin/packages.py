"""The admin of packages and packs, with their list prices."""

from django.contrib import admin
from unfold.admin import TabularInline

from accounts.models import Offer, OfferPrice, Package, PackagePrice
from accounts.operations import PermanentModelAdmin
from core.plain_numbers import PlainNumbersMixin


class PriceInline(PlainNumbersMixin, TabularInline):  # type: ignore[misc] # untyped base class
    """List prices from a date on. Contracts keep their agreed prices."""

    model = PackagePrice
    extra = 0


@admin.register(Package)
class PackageAdmin(PermanentModelAdmin):
    """Packages. A package is withdrawn, not deleted: contracts name it by id."""

    list_display = ("name", "metric", "is_offered")
    list_filter = ("is_offered", "metric")
    search_fields = ("name",)
    inlines = (PriceInline,)


class OfferPriceInline(PlainNumbersMixin, TabularInline):  # type: ignore[misc] # untyped base class
    """Prices of the whole term, one per currency. Orders keep their own price."""

    model = OfferPrice
    extra = 0


@admin.register(Offer)
class OfferAdmin(PermanentModelAdmin):
    """Packs of active users. A pack is withdrawn, not deleted: orders name it by id."""

    list_display = ("name", "quantity", "months", "is_offered")
    list_filter = ("is_offered",)
    search_fields = ("name",)
    inlines = (OfferPriceInline,)
