"""The page on which the clock is moved, for everyone who is signed in to a demo."""

from collections.abc import Callable
from datetime import date, datetime
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from kombu.exceptions import OperationalError

from accounts.policies import ANYONE
from core.actors import actor_of
from core.operations.models import TimeTravel
from mtp.travel import journey
from mtp.travel.destinations import Destination, arrival
from mtp.travel.tasks import go_on

View = Callable[..., HttpResponse]
LAST_JOURNEYS = 12


class DestinationForm(forms.Form):
    """One of the offered days, or any later one."""

    destination = forms.ChoiceField(
        choices=[(each.value, each.label) for each in Destination], required=False
    )
    day = forms.DateField(
        required=False,
        label="Day",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": "Enter a day, like 2026-12-01."},
    )

    def clean(self) -> dict[str, Any]:
        """One of the two."""
        given: dict[str, Any] = super().clean() or {}
        if "day" not in self.errors and not (given.get("destination") or given.get("day")):
            self.add_error("day", "Choose a day.")
        return given

    def to_at(self, *, now: datetime) -> datetime:
        """When the clock arrives."""
        chosen: date | None = self.cleaned_data["day"]
        if self.cleaned_data["destination"]:
            chosen = Destination(self.cleaned_data["destination"]).day(today=now.date())
        if chosen is None:
            raise ValueError("The form is not valid.")
        return arrival(chosen)


def _in_a_demo(view: View) -> View:
    """A route for everyone who is signed in, also to a suspended provider; 404 in production."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not journey.is_possible():
            raise Http404
        if not request.user.is_authenticated:
            return redirect_to_login("/demo/clock/")
        return view(request, *args, **kwargs)

    # A suspension refuses routes of the provider's people, and this one is of the demo.
    guarded.policy = ANYONE  # type: ignore[attr-defined] # read by the test of all routes
    return guarded


@_in_a_demo
@require_safe
def clock(request: HttpRequest) -> HttpResponse:
    """The portal's time, how far the journey is, the days on offer, and past journeys."""
    return _page(request, DestinationForm())


@_in_a_demo
@require_POST
def travel(request: HttpRequest) -> HttpResponse:
    """Begin a journey."""
    form, now = DestinationForm(request.POST), timezone.now()
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        journey.begin(to_at=form.to_at(now=now), by=actor_of(request).name, now=now)
    except journey.CannotTravel as refusal:
        form.add_error("day", str(refusal))
        return _page(request, form, status=409)
    return _started(request)


@_in_a_demo
@require_POST
def resume(request: HttpRequest) -> HttpResponse:
    """Go on with a journey that a killed worker left."""
    return _started(request)


@_in_a_demo
@require_POST
def stop(request: HttpRequest) -> HttpResponse:
    """End the journey where the clock is."""
    journey.stop()
    return _started(request)


def _started(request: HttpRequest) -> HttpResponse:
    try:
        go_on.delay()
    except OperationalError:
        messages.error(request, "No worker could be woken: Redis does not answer. Go on later.")
    return redirect("demo_clock")


def _page(request: HttpRequest, form: DestinationForm, *, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "now": timezone.now(),
        "travel": journey.under_way(),
        "destinations": list(Destination),
        "journeys": TimeTravel.objects.exclude(finished_at=None).order_by("-pk")[:LAST_JOURNEYS],
    }
    return render(request, "travel/clock.html", context, status=status)
