"""Nothing that is logged or reported contains a secret or a link that lets its reader in."""

import pytest

from core.telemetry.redaction import HIDDEN, redacted


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("GET /pay/WyJhYmMi:1a2b:xYz_-9/begin/", "WyJhYmMi:1a2b:xYz_-9"),
        ("https://portal.example/invitation/Ab12-cd_34/", "Ab12-cd_34"),
        ("/accounts/password/reset/key/1f-c0ffee-abc/", "1f-c0ffee-abc"),
        ("the key sk_live_51HabcDEF is expired", "51HabcDEF"),
        ("rk_test_abc123", "abc123"),
        ("signed with whsec_abcdef", "abcdef"),
        ("pi_123_secret_AbC456", "AbC456"),
        ("postgres://mtp:hunter2@db:5432/mtp", "hunter2"),
        ("redis://:hunter2@redis:6379/0", "hunter2"),
        ("Authorization: Bearer abc.def", "abc.def"),
        ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ],
)
def test_secrets_are_hidden_in_texts(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in redacted(text)
    assert HIDDEN in redacted(text)


def test_secrets_are_hidden_by_their_name_at_any_depth() -> None:
    event = {
        "request": {
            "headers": {"Cookie": "sessionid=s3", "X-Api-Key": "k3y", "Accept": "*/*"},
            "data": [{"password1": "p4ss", "email": "a@b.example"}],
            "url": "https://portal.example/pay/t0ken/",
        },
        "csrfmiddlewaretoken": "c5rf",
        "count": 3,
        "secret": None,
    }
    shown = redacted(event)
    for secret in ("s3", "k3y", "p4ss", "t0ken", "c5rf"):
        assert secret not in str(shown)
    assert shown["request"]["headers"]["Accept"] == "*/*"
    assert shown["request"]["data"][0]["email"] == "a@b.example"
    assert (shown["count"], shown["secret"]) == (3, None)


@pytest.mark.parametrize(
    "text", ["/account/users/", "/pay/", "a sketch_of_a_task", "INV-2026-0001 of Acme", ""]
)
def test_ordinary_texts_stay_as_they_are(text: str) -> None:
    assert redacted(text) == text
