"""What every page's shell needs."""

from typing import Any

from django.http import HttpRequest


def navigation(request: HttpRequest) -> dict[str, Any]:
    """The entries this person may use."""
    return {"navigation": []}
