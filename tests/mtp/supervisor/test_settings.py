"""What the supervisor hands to its children, and from where."""

import subprocess
import sys
from pathlib import Path

import pytest

from mtp.supervisor import settings
from mtp.supervisor.ports import any_free_port, first_listening, is_free
from mtp.supervisor.state import State


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(base=tmp_path, name="test")


def test_dotenv_lines_are_read_as_people_write_them(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# A comment\nPORT=9000\nexport A='x y'\nB=\"1=2\"\nEMPTY=\n#C=1\nnonsense\n")
    assert settings.read_dotenv(path) == {"PORT": "9000", "A": "x y", "B": "1=2"}


def test_the_environment_goes_before_dotenv_and_an_empty_value_chooses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("PORT=9000\nSITE_URL=http://dotenv\nSECRET_KEY=mine\n")
    monkeypatch.setattr(settings, "CHECKOUT", tmp_path)
    monkeypatch.setenv("PORT", "9001")
    monkeypatch.setenv("SITE_URL", "")
    chosen = settings.chosen_environment()
    assert (chosen["PORT"], chosen["SITE_URL"]) == ("9001", "http://dotenv")


def test_tests_never_get_the_callers_key_of_stripe(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_real")
    monkeypatch.setenv("STRIPE_API_BASE", "https://stripe.example")
    environment = settings.testing_environment(state)
    assert environment["STRIPE_API_KEY"] == "sk_test_mtp"
    assert environment["STRIPE_API_BASE"] == "http://127.0.0.1:9"


def test_children_keep_their_bytecode_for_the_next_start(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    for environment in (
        settings.testing_environment(state),
        settings.development_environment(state),
    ):
        asked = [sys.executable, "-c", "import sys; print(sys.dont_write_bytecode)"]
        assert subprocess.check_output(asked, env=environment, text=True) == "False\n"


def test_secrets_are_made_once_and_kept_from_others(state: State, tmp_path: Path) -> None:
    first = state.secret("django")
    assert len(first) >= 50
    assert State(base=tmp_path, name="test").secret("django") == first
    assert (state.directory / "secrets.json").stat().st_mode & 0o077 == 0


def test_the_running_environment_is_private_and_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".local/running.env"
    monkeypatch.setattr(settings, "RUNNING", path)
    with settings.handed_on({"SECRET_KEY": "s", "HOME": "/home/x"}):
        assert path.read_text() == "SECRET_KEY=s\n"
        assert path.stat().st_mode & 0o077 == 0
    assert not path.exists()


def test_the_next_port_is_taken_when_the_wanted_one_is_not_free() -> None:
    first, wanted = first_listening(any_free_port())
    with first:
        assert not is_free(wanted)
        second, port = first_listening(wanted)
        second.close()
    assert wanted < port < wanted + 200
