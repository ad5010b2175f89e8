"""What every template is given."""

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.utils.functional import SimpleLazyObject
from markupsafe import Markup

INPUT = Markup('<input type="hidden" name="csrfmiddlewaretoken" value="{}">')


def csrf(request: HttpRequest) -> dict[str, object]:
    """`csrf_input` for every form of a page, made once; Django's is masked again in each row."""
    return {"csrf_input": SimpleLazyObject(lambda: INPUT.format(get_token(request)))}
