"""The personas of the tests: users of two providers, whose texts contain the provider's canary."""

from dataclasses import dataclass
from functools import cached_property

from accounts.models import Provider, User
from accounts.roles import Role
from core.schema import provider_schema
from tenants.models import Organization

PASSWORD = "correct horse battery staple"
# A word per provider that occurs nowhere else. On a page of the other provider it proves a leak.
CANARIES = {"north": "Nordlicht", "south": "Suedwind"}


@dataclass(frozen=True)
class Persona:
    """A user of the tests; `provider` is empty for operations staff."""

    name: str
    provider: str = ""
    role: str = ""

    @property
    def canary(self) -> str:
        return CANARIES.get(self.provider, "Betrieb")

    @property
    def email(self) -> str:
        return f"{self.name}@{self.canary}.example".lower()


PERSONAS = (
    Persona("olive", "north", Role.OWNER),
    Persona("bill", "north", Role.BILLING_ADMIN),
    Persona("adam", "north", Role.ADMIN),
    Persona("rita", "north", Role.READ_ONLY),
    Persona("sofia", "south", Role.OWNER),
    Persona("staff"),
)


def create_persona(
    *,
    provider: Provider | None,
    role: str,
    name: str,
    email: str,
    organization_id: int | None = None,
) -> User:
    """Create a user with `PASSWORD`; without a provider, one of operations with all permissions."""
    if provider is None:
        return User.objects.create_superuser(email=email, password=PASSWORD, name=name)
    return User.objects.create_user(
        email=email,
        password=PASSWORD,
        name=name,
        provider=provider,
        role=role,
        organization_id=organization_id,
    )


def create_personas(providers: dict[str, Provider]) -> None:
    """Create all personas except the organization admin, who needs an organization."""
    for persona in PERSONAS:
        create_persona(
            provider=providers.get(persona.provider),
            role=persona.role,
            name=f"{persona.name.capitalize()} {persona.canary}",
            email=persona.email,
        )


class Personas:
    """The personas as users, read at first use; `otto` is created at first use."""

    def __init__(self, *, north: Provider, south: Provider) -> None:
        self.north = north
        self.south = south

    def __getattr__(self, name: str) -> User:
        for persona in PERSONAS:
            if persona.name == name:
                user = User.objects.select_related("provider").get(email=persona.email)
                self.__dict__[name] = user
                return user
        raise AttributeError(name)

    @cached_property
    def otto_organization(self) -> Organization:
        """The organization that otto administers."""
        with provider_schema(self.north):
            return Organization.objects.create(name=f"Otto {CANARIES['north']} GmbH")

    @cached_property
    def otto(self) -> User:
        """Organization admin of one organization of north."""
        return create_persona(
            provider=self.north,
            role=Role.ORGANIZATION_ADMIN,
            name=f"Otto {CANARIES['north']}",
            email=f"otto@{CANARIES['north']}.example".lower(),
            organization_id=self.otto_organization.pk,
        )
