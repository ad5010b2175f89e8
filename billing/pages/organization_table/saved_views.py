"""Saved views of the list of organizations: each person's own."""

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.models import User
from billing.pages.organization_table.state import State
from tenants.models import SavedView

MOST_VIEWS = 20


class NameTaken(Exception):
    """The person has another view of this name."""


class TooManyViews(Exception):
    """The person has as many views as a person may have."""


def views_of(user: User) -> QuerySet[SavedView]:
    """The person's views by name; the only way to them, so no one reaches another's."""
    return SavedView.objects.filter(user_id=user.pk).order_by("name", "pk")


def save_view(*, name: str, state: State, user: User) -> SavedView:
    """Keep the state under a name. Raises `NameTaken` and `TooManyViews`."""
    if views_of(user).count() >= MOST_VIEWS:
        raise TooManyViews
    try:
        with transaction.atomic():
            return SavedView.objects.create(
                user_id=user.pk, name=name, query=state.query_with_columns
            )
    except IntegrityError as error:
        raise NameTaken from error


def rename_view(*, view: SavedView, name: str) -> None:
    """Give the view another name. Raises `NameTaken`."""
    try:
        with transaction.atomic():
            SavedView.objects.filter(pk=view.pk).update(name=name)
    except IntegrityError as error:
        raise NameTaken from error
