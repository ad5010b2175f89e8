"""Values from files, named by `NAME_FILE`."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from mtp.environment import Environment, _Values


class Env(Environment):
    """With separate values, because the class keeps what it has read."""

    ENVIRON = _Values({})


@pytest.fixture
def env() -> Env:
    """An empty environment."""
    Env.ENVIRON = _Values({})
    return Env()


def test_a_file_goes_before_a_variable_and_its_last_newline_is_no_part_of_it(
    env: Env, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("from the file\n")
    env.ENVIRON.env |= {"KEY": "from the variable", "KEY_FILE": str(tmp_path / "key")}
    assert env.str("KEY") == "from the file"


def test_a_variable_is_read_as_it_is(env: Env) -> None:
    env.ENVIRON.env |= {"KEY": " as it is ", "OTHER_FILE": ""}
    assert env.str("KEY") == " as it is "
    assert env.str("OTHER", default="none") == "none"


def test_a_file_that_cannot_be_read_is_named(env: Env, tmp_path: Path) -> None:
    env.ENVIRON.env["KEY_FILE"] = str(tmp_path / "missing")
    with pytest.raises(ImproperlyConfigured, match=r"KEY_FILE names .*missing, which can't be"):
        env.str("KEY", default="")
