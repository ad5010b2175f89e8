"""Addresses of the integrations."""

from django.urls import path

from integrations.views import statement

urlpatterns = [
    path(
        "integrations/autotask/statement/",
        statement.autotask_statement_now,
        name="autotask_statement_now",
    ),
    path(
        "integrations/autotask/statement/<str:month>/",
        statement.autotask_statement,
        name="autotask_statement",
    ),
    path(
        "integrations/autotask/statement/<str:month>.csv",
        statement.autotask_statement_csv,
        name="autotask_statement_csv",
    ),
]
