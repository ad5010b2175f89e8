"""The admin of packages and packs, with their list prices."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from accounts.models import Offer, OfferPrice, Package, PackagePrice


class PriceInline(TabularInline):  # type: ignore[misc]
    """List prices from a date on. Contracts keep their agreed prices."""

    model = PackagePrice
    extra = 0


@admin.register(Package)
class PackageAdmin(ModelAdmin):  # type: ignore[misc]
    """Packages. One that contracts name is withdrawn, not deleted."""

    list_display = ("name", "metric", "is_offered")
    list_filter = ("is_offered", "metric")
    search_fields = ("name",)
    inlines = (PriceInline,)

    def has_delete_permission(self, request: HttpRequest, obj: Package | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never: contracts name packages by id."""
        return False


class OfferPriceInline(TabularInline):  # type: ignore[misc]
    """Prices of the whole term, one per currency. Orders keep their own price."""

    model = OfferPrice
    extra = 0


@admin.register(Offer)
class OfferAdmin(ModelAdmin):  # type: ignore[misc]
    """Packs of active users. One that was ordered is withdrawn, not deleted."""

    list_display = ("name", "quantity", "months", "is_offered")
    list_filter = ("is_offered",)
    search_fields = ("name",)
    inlines = (OfferPriceInline,)

    def has_delete_permission(self, request: HttpRequest, obj: Offer | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never: orders name offers by id."""
        return False
