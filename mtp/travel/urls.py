"""URLs of the demo's clock, below `demo/clock/`."""

from django.urls import path

from mtp.travel import pages

urlpatterns = [
    path("", pages.clock, name="demo_clock"),
    path("travel/", pages.travel, name="demo_travel"),
    path("resume/", pages.resume, name="demo_travel_resume"),
    path("stop/", pages.stop, name="demo_travel_stop"),
]
