"""Keys by which texts are compared: a column with the key of another, and a key in a query."""

from collections.abc import Callable
from typing import Any

from django.db import models
from django.db.models.functions import Lower

from core.names import look_alikes

# Invisible characters that names are most often pasted with; `clean_name` removes them all.
_DELETED = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"


class KeyField(models.TextField):  # type: ignore[type-arg] # no generic at run time
    """The key of the field `of` by `rule`, computed whenever Django writes the row.

    `QuerySet.update`, and a save with `update_fields`, name both columns. Empty by default in the
    database, whose triggers fill it for a plain text and refuse it for another.
    """

    def __init__(self, *, of: str = "", rule: Callable[[str], str] = str, **options: Any) -> None:
        self.of, self.rule = of, rule
        super().__init__(**{"editable": False, "blank": True, "db_default": "", **options})

    def pre_save(self, model_instance: models.Model, add: bool) -> str:  # noqa: ARG002 - Django's signature
        """The key of the present value."""
        key = self.rule(str(getattr(model_instance, self.of)))
        setattr(model_instance, self.attname, key)
        return key

    def deconstruct(self) -> Any:
        """As a text, so that no migration depends on the rule, which Django's copies lack."""
        name, _, args, options = super().deconstruct()
        return name, "django.db.models.TextField", args, options


def name_key_of(field: str) -> models.Func:
    """`core.names.name_key` of a column, for searching rows without a key of their own.

    As there, but for letters that only Python's case folding changes, such as ß.
    """
    letters = sorted(look_alikes().items())
    # PostgreSQL deletes the letters that have no counterpart.
    source = "".join(chr(letter) for letter, _ in letters) + _DELETED
    normal = models.Func(field, template="normalize(%(expressions)s, NFKC)")
    return models.Func(
        Lower(normal),
        models.Value(source),
        models.Value("".join(plain for _, plain in letters)),
        function="translate",
        output_field=models.TextField(),
    )
