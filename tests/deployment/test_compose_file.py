"""What docker-compose.yml promises for each service, read from the file."""

import importlib.util
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mtp import workers
from tests.deployment.compose_file import COMPOSE, Service, seconds, services
from tests.deployment.dockerfile import ROOT, build_context, instructions

EACH = pytest.mark.parametrize("service", services().values(), ids=services())
OWNERS = {"migrate", "worker-provisioning"}
PASSWORDS = {"postgres_password", "owner_password", "database_owner_url"}


@pytest.mark.parametrize("name", ["docker-compose.yml", "deploy/backup.yml", "deploy/servers.yml"])
def test_the_file_fits_the_compose_schema(name: str) -> None:
    run = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.compose-spec", ROOT / name),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@EACH
def test_each_service_is_confined(service: Service) -> None:
    raw = service.raw
    assert raw["read_only"] is True
    assert raw["cap_drop"] == ["ALL"]
    assert raw["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in raw
    assert "cap_add" not in raw
    assert raw["logging"]["options"].keys() == {"max-size", "max-file"}
    for limit in ("mem_limit", "cpus", "pids_limit"):
        assert raw[limit]
    assert service.is_portal or raw["user"] not in ("root", 0), "our image has its own user"


@EACH
def test_each_lasting_service_is_checked(service: Service) -> None:
    lasts = service.raw["restart"] == "unless-stopped"
    assert lasts == (service.name != "migrate")
    assert bool(service.health_check) == lasts


@EACH
def test_the_owner_s_password_is_where_schemas_are_made(service: Service) -> None:
    if service.is_portal:
        held = PASSWORDS & service.secrets.keys()
        assert held == ({"database_owner_url"} if service.name in OWNERS else set())
        named = service.environment["DATABASE_URL_FILE"].removeprefix("/run/secrets/")
        assert named in service.secrets
        assert ("owner" in named) == (service.name in OWNERS)


@EACH
def test_the_override_for_servers_gives_each_service_the_address_of_its_role(
    service: Service,
) -> None:
    override = yaml.safe_load((ROOT / "deploy/servers.yml").read_text())
    if service.is_portal:
        address = Path(service.environment["DATABASE_URL_FILE"]).name
        assert override["services"][service.name] == {
            "environment": {"DATABASE_URL_2_FILE": f"/run/secrets/{address}_2"},
            "secrets": [f"{address}_2"],
        }
        assert override["secrets"][f"{address}_2"] == {"file": f"deploy/secrets/{address}_2"}
    else:
        assert service.name not in override["services"]


@EACH
def test_each_named_secret_is_there_and_no_value_is_in_the_file(service: Service) -> None:
    for name, value in service.environment.items():
        if name.endswith("_FILE"):
            assert value.removeprefix("/run/secrets/") in service.secrets, name
        else:
            assert not re.search(r"KEY|SECRET|PASSWORD|TOKEN|_URL", name), name


def test_a_stop_lasts_longer_than_what_is_stopped_may_take() -> None:
    path = ROOT / "gunicorn.conf.py"
    spec = importlib.util.spec_from_file_location("gunicorn_conf", path)
    assert spec
    assert spec.loader
    configuration = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(configuration)
    found = services()
    for name in ("web-1", "web-2", "proxy"):
        assert found[name].stop_seconds > configuration.graceful_timeout + 5
    for name in ("postgres", *(f"worker-{pool}" for pool in workers.POOLS)):
        assert found[name].stop_seconds >= seconds("1m")


def test_the_proxy_serves_the_web_servers_and_nothing_else_is_published() -> None:
    found = services()
    assert [name for name, service in found.items() if "ports" in service.raw] == ["proxy"]
    proxy = (ROOT / "deploy/nginx/nginx.conf").read_text()
    assert re.findall(r"server ([\d.]+):8000", proxy) == [
        found[name].networks["web"] for name in ("web-1", "web-2")
    ]
    assert found["proxy"].networks.keys() == {"web"}
    assert found["postgres"].networks.keys() == found["redis"].networks.keys() == {"data"}
    assert COMPOSE["networks"]["data"]["internal"] is True
    assert "X-Forwarded-For $remote_addr;" in proxy
    assert found["web-1"].environment["TRUSTED_PROXY_COUNT"] == "1"


def test_the_secrets_are_made_once_and_closed_to_other_accounts(tmp_path: Path) -> None:
    script = tmp_path / "secrets.sh"
    script.write_bytes((ROOT / "deploy/secrets.sh").read_bytes())
    first = subprocess.run(["sh", script], capture_output=True, text=True, check=True).stdout
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert made.keys() == COMPOSE["secrets"].keys()
    filled_in_by_hand = {name for name, text in made.items() if not text}
    assert {line.rpartition("/")[2] for line in first.splitlines()} == filled_in_by_hand
    assert made["app_password"].strip() in made["database_url"]
    assert made["owner_password"].strip() in made["database_owner_url"]
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "acme").stat().st_mode) == 0o755, "the proxy reads it"
    subprocess.run(["sh", script], capture_output=True, check=True)
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == made
    # With the number of a further database server.
    second = subprocess.run(["sh", script, "2"], capture_output=True, text=True, check=True).stdout
    added = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert added.keys() - made.keys() == {"database_url_2", "database_owner_url_2"}
    for name in ("database_url", "database_owner_url"):
        assert added[f"{name}_2"] == made[name].replace("@postgres:", "@HOST:")
    assert "host of server 2 into deploy/secrets/database_url_2" in second


def test_the_image_holds_neither_secrets_nor_tests_nor_stand_ins() -> None:
    seen = {path.parts[0] for path in build_context()} | {
        str(path.parent) for path in build_context()
    }
    assert not seen & {"tests", "sandbox", "docs", ".git", "mtp/supervisor", "deploy/secrets"}
    assert {"manage.py", "gunicorn.conf.py", "accounts", "deploy"} <= seen | {
        str(path) for path in build_context()
    }


def test_the_image_runs_as_an_ordinary_user() -> None:
    found = instructions((ROOT / "Dockerfile").read_text())
    users = [each.argument for each in found if each.name == "USER"]
    assert users == ["portal"]
    made = next(each.argument for each in found if "useradd" in each.argument)
    assert "--uid 10001" in made


def test_collecting_assets_needs_what_the_build_sets() -> None:
    line = next(
        each.argument
        for each in instructions((ROOT / "Dockerfile").read_text())
        if "collectstatic" in each.argument
    )
    first = line.partition("&&")[0].replace("--noinput", "--noinput --dry-run --verbosity 0")
    run = subprocess.run(
        ["sh", "-ec", first],
        cwd=ROOT,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
