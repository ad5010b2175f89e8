"""Every route has a policy and enforces it for every role."""

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from accounts.policies import policy_of, requires
from accounts.roles import PERMISSIONS, Permission, Role
from mtp import urls
from tests.personas import Personas
from tests.routes import Route, all_routes

ROUTES = all_routes()
# Any id works: the policy answers before the view loads a row.
SOME_ID = 987_654_321
BY_ROLE = {
    Role.OWNER: "olive",
    Role.BILLING_ADMIN: "bill",
    Role.ADMIN: "adam",
    Role.READ_ONLY: "rita",
    Role.ORGANIZATION_ADMIN: "otto",
}


def routes_without_policy() -> list[str]:
    return [
        route.pattern
        for route in all_routes()
        if policy_of(view=route.view, name=route.name, namespaces=route.namespaces) is None
    ]


def guarded_routes() -> list[Route]:
    return [route for route in ROUTES if route.names_policy and route.view.policy.permissions]


def address(route: Route) -> str:
    return route.url(dict.fromkeys(route.parameters, SOME_ID))


def test_every_route_names_its_policy() -> None:
    assert routes_without_policy() == []


def test_a_route_without_a_policy_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgotten(request: object) -> HttpResponse:
        return HttpResponse("open to all")

    monkeypatch.setattr(urls, "urlpatterns", [*urls.urlpatterns, path("forgotten/", forgotten)])
    from django.urls import clear_url_caches

    clear_url_caches()
    try:
        assert routes_without_policy() == ["forgotten/"]
    finally:
        monkeypatch.undo()
        clear_url_caches()


def test_route_names_are_unique() -> None:
    names = [str(route) for route in ROUTES if not route.namespaces]
    assert sorted(names) == sorted(set(names))


def test_anonymous_visitors_are_sent_to_sign_in(client: Client, db: None) -> None:
    for route in guarded_routes():
        for method in (client.get, client.post):
            response = method(address(route))
            assert response.status_code == 302, route
            assert response["Location"].startswith("/accounts/login/?next="), route


@pytest.mark.parametrize("role", Role)
def test_roles_without_the_permission_are_refused(
    role: Role, client: Client, people: Personas
) -> None:
    client.force_login(getattr(people, BY_ROLE[role]))
    for route in guarded_routes():
        seen = client.get(address(route)).status_code
        if PERMISSIONS[role] & set(route.view.policy.permissions):
            assert seen in (200, 202, 302, 404, 405), route
        else:
            assert seen == 403, route
            assert client.post(address(route)).status_code == 403, route


def test_operations_staff_use_the_operations_admin_only(client: Client, people: Personas) -> None:
    client.force_login(people.staff)
    for route in guarded_routes():
        assert client.get(address(route)).status_code == 403, route


def test_htmx_requests_redirect_the_whole_page_to_sign_in(client: Client, db: None) -> None:
    response = client.get(
        "/organizations/?q=a",
        headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/organizations/?q=a"},
    )
    assert response["HX-Redirect"] == "/accounts/login/?next=/organizations/%3Fq%3Da"


def test_a_refusal_shows_the_reason(client: Client, people: Personas) -> None:
    from django.core.exceptions import PermissionDenied
    from django.test import RequestFactory

    request = RequestFactory().get("/")
    request.user = people.adam
    with pytest.raises(PermissionDenied, match="permission to see payment information"):
        requires(Permission.VIEW_BILLING)(lambda _: HttpResponse())(request)


def test_operations_pages_are_for_staff(client: Client, people: Personas) -> None:
    client.force_login(people.olive)
    assert client.get("/operations/", follow=True).status_code == 403
    client.logout()
    response = client.get("/operations/accounts/provider/", follow=True)
    assert response.redirect_chain[-1][0] == (
        "/accounts/login/?next=/operations/accounts/provider/"
    )
