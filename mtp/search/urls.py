"""The URLs of the search."""

from django.urls import path

from mtp.search import views

urlpatterns = [
    path("search/", views.search, name="search"),
    path("shortcuts/", views.shortcuts, name="shortcuts"),
]
