"""The keys of the stored secrets of all providers: which are in use, and encrypting with the first.

A new secret that is stored anywhere belongs here too.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.conf import settings

from accounts.models import Provider
from accounts.security.factors import factor_secrets
from core.encryption import SecretsUnreadable, key_position, rotate_encryption_keys
from core.schema import provider_schema
from integrations.models import AutotaskConnection


@dataclass(slots=True)
class KeyUse:
    """Stored secrets by the position of their key in ENCRYPTION_KEYS, from 0, and unreadable ones.

    `unreadable` names providers and people, `not_reached` providers whose schema is not ready.
    """

    secrets: Counter[int] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)
    not_reached: list[str] = field(default_factory=list)

    @property
    def unused(self) -> list[int]:
        """The positions of former keys that no secret needs any more."""
        if self.not_reached:
            return []
        return [at for at in range(1, len(settings.ENCRYPTION_KEYS)) if not self.secrets[at]]


def rotate() -> KeyUse:
    """Encrypt every secret with the first key, and return the use after it.

    Safe at any time, and again: a secret that is changed meanwhile is left alone.
    """
    use = KeyUse(not_reached=_not_reached())
    for provider, connection in _connections():
        try:
            token = rotate_encryption_keys(connection.credentials)
        except SecretsUnreadable:
            use.unreadable.append(provider.name)
            continue
        AutotaskConnection.objects.filter(
            pk=connection.pk, credentials=connection.credentials
        ).update(credentials=token)
        use.secrets[0] += 1
    for secret in factor_secrets():
        try:
            secret.replace(rotate_encryption_keys(secret.token))
        except SecretsUnreadable:
            use.unreadable.append(secret.person)
            continue
        use.secrets[0] += 1
    return use


def key_use() -> KeyUse:
    """The use of each key; changes nothing."""
    use = KeyUse(not_reached=_not_reached())
    for provider, connection in _connections():
        position = key_position(connection.credentials)
        if position is None:
            use.unreadable.append(provider.name)
        else:
            use.secrets[position] += 1
    for secret in factor_secrets():
        position = key_position(secret.token)
        if position is None:
            use.unreadable.append(secret.person)
        else:
            use.secrets[position] += 1
    return use


def _connections() -> Iterator[tuple[Provider, AutotaskConnection]]:
    for provider in Provider.objects.filter(state=Provider.State.ACTIVE).order_by("pk"):
        with provider_schema(provider):
            for connection in AutotaskConnection.objects.exclude(credentials=""):
                yield provider, connection


def _not_reached() -> list[str]:
    restoring = Provider.objects.filter(state=Provider.State.RESTORING)
    return list(restoring.order_by("pk").values_list("name", flat=True))
