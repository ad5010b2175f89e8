"""Field types of the API's requests and responses, and pages of rows by id."""

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from ninja import Query, Schema
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints

from core.addresses import LONGEST_ADDRESS, NotAnAddress, user_address
from core.names import clean_name
from core.text import plain_text
from tenants.alerts.service_notifications import LONGEST_KEY
from tenants.users.directory_ids import clean_external_id

LARGEST_ID = 2**63 - 1
LARGEST_PAGE = 500
LARGEST_BULK = 1_000
_UNSEEN = r"\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069"
_SEEN, _LETTER = f"[^{_UNSEEN}]", rf"[^\s{_UNSEEN}]"

Out = TypeVar("Out")


def accepted_by(check: Callable[[str], None]) -> AfterValidator:
    """Apply a Django validator and pass on its message."""

    def validate(value: str) -> str:
        try:
            check(value)
        except ValidationError as error:
            raise ValueError(" ".join(error.messages)) from error
        return value

    return AfterValidator(validate)


def _text(longest: int, *, shortest: int = 1, clean: Callable[[str], str] = str) -> Any:
    # The schema states what `plain_text` checks: no control characters, and a visible one.
    shape = f"^{_SEEN}*$" if shortest == 0 else f"^{_SEEN}*{_LETTER}{_SEEN}*$"
    return Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=shortest, max_length=longest),
        accepted_by(plain_text),
        AfterValidator(clean),
        Field(json_schema_extra={"pattern": shape}),
    ]


def _address(value: str) -> str:
    try:
        return user_address(value)
    except NotAnAddress:
        raise ValueError("Enter a valid email address.") from None


def _whole(value: Any) -> Any:
    """In JSON, 5.0 is the integer 5."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
Name = _text(200, clean=clean_name)
OptionalName = _text(200, shortest=0, clean=clean_name)
SerialNumber = _text(100)
ExternalId = _text(200, clean=clean_external_id)
ServiceKey = _text(LONGEST_KEY)
# Any spelling, with what is copied along with it; answered as it is stored.
Email = Annotated[
    str,
    StringConstraints(max_length=2 * LONGEST_ADDRESS),
    AfterValidator(_address),
    Field(json_schema_extra={"format": "idn-email"}),
]


class Body(Schema):
    """The body of a request. Unknown members are refused, and types are strict: `true` is not 1."""

    model_config = ConfigDict(extra="forbid", strict=True)


class PageQuery(Schema):
    """A page of rows in order of id."""

    after: int = Field(0, ge=0, le=LARGEST_ID, description="Rows after this id.")
    limit: int = Field(100, ge=1, le=LARGEST_PAGE, description="The most rows of the page.")


Paging = Annotated[PageQuery, Query()]


class Page(Schema, Generic[Out]):
    """A page; `next` is the `after` of the following one, null on the last."""

    items: list[Out]
    next: int | None


def page_of(rows: QuerySet[Any], paging: PageQuery) -> dict[str, Any]:
    """The rows of a page in order of id, stable while rows are added and removed."""
    rows_and_next = list(rows.filter(pk__gt=paging.after).order_by("pk")[: paging.limit + 1])
    items = rows_and_next[: paging.limit]
    return {"items": items, "next": items[-1].pk if len(rows_and_next) > paging.limit else None}
