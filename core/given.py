"""Values that a query names when it is built, and gets each time it runs (`core.remembered`)."""

from collections.abc import Iterable
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, BooleanField, F, Field, Func, Value


class Given(Value):
    """A value of this type that a remembered query gets at each run, by its name."""

    def __init__(self, name: str, output_field: "Field[Any, Any]") -> None:
        super().__init__(name, output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """A placeholder, with this object in the place of the value."""
        placeholder, _ = Value(None, output_field=self.output_field).as_sql(compiler, connection)
        return placeholder.replace("NULL", "%s"), (self,)


class AnyOf(Func):
    """Whether a column is one of these ids, or of the ids that are given."""

    template = "%(expressions)s)"
    arg_joiner = " = ANY ("
    output_field = BooleanField()

    def __init__(self, column: str, ids: Iterable[int] | Given) -> None:
        several = ids if isinstance(ids, Given) else Value(sorted(ids), output_field=IDS)
        super().__init__(F(column), several)


IDS = ArrayField(BigIntegerField())
