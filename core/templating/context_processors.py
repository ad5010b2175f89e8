"""What every template is given."""

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.utils.functional import SimpleLazyObject
from markupsafe import Markup

INPUT = Markup('<input type="hidden" name="csrfmiddlewaretoken" value="{}">')


def csrf(request: HttpRequest) -> dict[str, object]:
    """`csrf_token` and `csrf_input` of a page, made once; Django's is masked again in each row."""
    token = SimpleLazyObject(lambda: get_token(request))
    return {
        "csrf_token": token,
        "csrf_input": SimpleLazyObject(lambda: INPUT.format(token)),
    }
