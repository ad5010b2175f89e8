"""Rotation of ENCRYPTION_KEYS: nothing becomes unreadable, and an unused key is named."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import Provider
from core.encryption import decrypt, encrypt
from core.schema import provider_schema
from integrations.key_rotation import key_use
from integrations.models import AutotaskConnection


@pytest.fixture
def stored(north: Provider, south: Provider, settings: Any) -> tuple[Provider, Provider]:
    """Both providers have a secret, encrypted with the key `former`."""
    settings.ENCRYPTION_KEYS = ["former"]
    for provider in (north, south):
        with provider_schema(provider):
            AutotaskConnection.objects.create(credentials=encrypt(f"secret of {provider}"))
    return north, south


def secret_of(provider: Provider) -> str:
    with provider_schema(provider):
        return decrypt(AutotaskConnection.objects.get().credentials)


def rotate() -> str:
    out = StringIO()
    call_command("rotate_encryption_keys", stdout=out, stderr=out)
    return out.getvalue()


def test_a_former_key_is_in_use_until_its_secrets_are_encrypted_again(
    stored: tuple[Provider, Provider], settings: Any
) -> None:
    settings.ENCRYPTION_KEYS = ["new", "former", "older"]
    assert key_use().secrets == {1: 2}
    assert key_use().unused == [2]
    assert "remove them" in rotate()
    assert key_use().secrets == {0: 2}
    assert key_use().unused == [1, 2]
    settings.ENCRYPTION_KEYS = ["new"]
    assert [secret_of(provider) for provider in stored] == [
        f"secret of {provider}" for provider in stored
    ]


def test_an_unreadable_secret_is_named_and_the_others_are_encrypted(
    stored: tuple[Provider, Provider], settings: Any
) -> None:
    north, south = stored
    settings.ENCRYPTION_KEYS = ["lost"]
    with provider_schema(north):
        AutotaskConnection.objects.update(credentials=encrypt("x"))
    settings.ENCRYPTION_KEYS = ["new", "former"]
    assert key_use().unreadable == [north.name]
    with pytest.raises(CommandError, match="Put the former key back"):
        rotate()
    settings.ENCRYPTION_KEYS = ["new"]
    assert secret_of(south) == f"secret of {south}"


def test_no_key_is_unused_while_a_provider_is_being_restored(
    stored: tuple[Provider, Provider], settings: Any
) -> None:
    Provider.objects.filter(pk=stored[0].pk).update(state=Provider.State.RESTORING)
    settings.ENCRYPTION_KEYS = ["new", "former"]
    with pytest.raises(CommandError, match="Keep the former keys"):
        rotate()
    assert key_use().secrets == {0: 1}
    assert key_use().unused == []
