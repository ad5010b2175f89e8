"""Relations between models point down too; import-linter does not see them in strings."""

from itertools import chain

import pytest
from django.apps import apps
from django.conf import settings
from django.db.models import ForeignKey, Model

FLOORS = ["outbox", "operations", "accounts", "tenants", "usage", "billing", "integrations"]
OURS = [model for label in FLOORS for model in apps.get_app_config(label).get_models()]


def targets(model: type[Model]) -> list[type[Model]]:
    fields = chain(model._meta.get_fields(), model._meta.many_to_many)
    return [
        field.related_model
        for field in fields
        if field.is_relation and field.concrete and isinstance(field.related_model, type)
    ]


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_relations_point_down_and_stay_in_the_schema(model: type[Model]) -> None:
    app = model._meta.app_label
    is_provider_app = app in settings.TENANT_APPS
    for target in targets(model):
        other = target._meta.app_label
        assert not is_provider_app or other in settings.TENANT_APPS, (
            f"{model._meta.label} points out of its provider's schema, to {target._meta.label}"
        )
        if other in FLOORS:
            assert FLOORS.index(other) <= FLOORS.index(app), (
                f"{model._meta.label} points up, to {target._meta.label}"
            )


def test_no_app_is_both_shared_and_of_a_provider() -> None:
    assert not set(settings.SHARED_APPS) & set(settings.TENANT_APPS)


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_every_model_has_a_docstring(model: type[Model]) -> None:
    generated = f"{model.__name__}({', '.join(f.name for f in model._meta.fields)})"
    assert model.__doc__ != generated


def test_no_index_repeats_a_unique_constraint() -> None:
    """Beside a unique constraint that starts with a foreign key, its index only costs writes."""
    for model in OURS:
        firsts = {
            constraint.fields[0]
            for constraint in model._meta.constraints
            if getattr(constraint, "fields", ()) and not getattr(constraint, "condition", None)
        }
        for field in model._meta.fields:
            if isinstance(field, ForeignKey) and field.name in firsts:
                assert not field.db_index or field.unique, f"{model._meta.label}.{field.name}"
