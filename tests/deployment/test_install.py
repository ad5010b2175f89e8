"""What docs/install.md names exists: commands, options, files, settings, events, services."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from billing.webhooks.inbox import APPLIED_EVENTS
from mtp.doctor.management.commands import doctor
from mtp.production import REQUIRED, faults
from tests.deployment.compose_file import COMPOSE, services
from tests.deployment.dockerfile import ROOT
from tests.deployment.unit_files import units
from tests.deployment.whole_backup import RECONCILE, TO_INSTANT

TEXT = (ROOT / "docs/install.md").read_text()
BLOCKS = {
    kind: [re.sub(r"(?m)^   (?! )", "", body) if indent else body for indent, body in found]
    for kind in ("sh", "ini", "text")
    if (found := re.findall(rf"(?ms)^( *)```{kind}\n(.*?)^ *```$", TEXT))
}
BARMAN = (ROOT / "deploy/barman/barman.conf").read_text()
SHELL = "\n".join(BLOCKS["sh"]).replace("\\\n", " ")
# After `docker compose` or `manage.sh`, in blocks and in sentences.
CALLS = re.findall(r"(?:manage\.py|manage\.sh) ([a-z_]+)([^\n`|]*)", TEXT.replace("\\\n", " "))
MADE_BY_STEPS = {"deploy/secrets", "deploy/acme"}
# Read by Docker, and by deploy/postgres/roles.sql.
ELSEWHERE = {"COMPOSE_FILE", "APP_PASSWORD_FILE", "BACKUP_PASSWORD_FILE", "OWNER_PASSWORD_FILE"}


def block_with(kind: str, words: str) -> str:
    return next(block for block in BLOCKS[kind] if words in block)


@pytest.mark.parametrize(("name", "rest"), CALLS, ids=[name for name, _ in CALLS])
def test_each_command_exists_with_its_options(name: str, rest: str) -> None:
    command = load_command_class(get_commands()[name], name)
    text = command.create_parser("manage.py", name).format_help()
    known = set(re.findall(r"--[a-z][a-z-]*", text))
    assert set(re.findall(r"--[a-z][a-z-]*", rest)) <= known


def test_the_page_names_commands_and_each_is_checked() -> None:
    assert {"doctor", "createsuperuser", "create_provider"} <= {name for name, _ in CALLS}


def test_each_path_exists() -> None:
    named = set(re.findall(r"(?<![\w./-])(?:/opt/mtp/(?:current/)?)?(deploy/[\w./-]*\w)", TEXT))
    named |= set(re.findall(r"\]\((?!http|#)([^)#]+)", TEXT.replace("](../", "](")))
    missing = [
        name
        for name in named
        if not ((ROOT / name).exists() or (ROOT / "docs" / name).exists())
        and not name.startswith(tuple(MADE_BY_STEPS))
        and not list(ROOT.glob(f"{name}*"))
    ]
    assert missing == []


def test_each_link_to_the_runbook_has_its_heading() -> None:
    runbook = (ROOT / "docs/runbook.md").read_text()
    headings = {_anchor(line) for line in re.findall(r"(?m)^#+ (.+)$", runbook + TEXT)}
    linked = set(re.findall(r"\]\((?:runbook\.md)?#([^)]+)\)", TEXT))
    assert linked - headings == set()


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_each_setting_is_explained_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text()
    explained = set(re.findall(r"(?m)^([A-Z_]+)=", example))
    named = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", TEXT)) - ELSEWHERE
    assert {name for name in named if name.removesuffix("_FILE") not in explained} == set()


def test_the_settings_of_the_page_with_its_secrets_start_production() -> None:
    shown = dict(line.split("=", 1) for line in BLOCKS["ini"][0].splitlines())
    portal = services()["web-1"].environment
    by_compose = {name.removesuffix("_FILE") for name in portal}
    assert set(REQUIRED) <= shown.keys() | by_compose
    assert not shown.keys() & by_compose
    example = dict(
        line.split("=", 1) for line in (ROOT / "deploy/build.env").read_text().splitlines()
    )
    secret = {name: example[name] for name in REQUIRED if name in by_compose}
    values = {**secret, **shown}
    assert faults(lambda name: values.get(name, "")) == []
    assert faults(lambda name: {**values, "SELLER_TAX_ID": ""}.get(name, ""))


def test_the_page_lists_exactly_the_events_that_are_read() -> None:
    listed = block_with("text", "payment_intent").split()
    assert len(listed) == len(set(listed))
    assert set(listed) == APPLIED_EVENTS


def test_each_line_of_the_doctor_is_explained() -> None:
    section = TEXT.partition("\n## Start")[2].partition("\n## ")[0]
    explained = set(re.findall(r"(?m)^\| ([A-Z][\w ]+) \| ", section))
    printed = {part for part, _, _ in doctor.LOOKS} | {"Settings", "Stripe webhook"}
    assert explained == printed


def test_each_service_and_unit_exists() -> None:
    known = set(services()) | set(_backup()["services"])
    patterns = (
        r"docker compose run --rm (?:--no-deps )?([a-z][\w-]*)",
        r"docker compose exec (?:-T )?([a-z][\w-]*)",
        r"docker compose up [^\n]*--wait ([a-z][\w-]*)",
        r"docker compose kill --signal HUP ([a-z]\w*)",
    )
    named = {name for pattern in patterns for name in re.findall(pattern, TEXT)}
    assert named
    assert named - known == set()
    started = set(re.findall(r"\b(mtp-(?:web@|migrate|beat))", SHELL))
    assert started == {"mtp-web@", "mtp-migrate", "mtp-beat"} <= units().keys()


def test_the_override_for_backups_adds_barman_and_an_image_with_its_programs() -> None:
    override = _backup()["services"]
    assert override.keys() == {"barman", "restore", "tools"}
    assert override["tools"]["extends"] == {"file": "docker-compose.yml", "service": "migrate"}
    assert {each["image"] for each in override.values()} == {"mtp-portal-tools"}
    for each in override.values():
        assert (ROOT / each["build"]["dockerfile"]).is_file()
    for name in ("barman", "restore"):
        each = override[name]
        assert (each["read_only"], each["cap_drop"], each["user"]) == (True, ["ALL"], "postgres")
        assert each["security_opt"] == ["no-new-privileges:true"]
        assert set(each["secrets"]) <= COMPOSE["secrets"].keys()
        assert each["mem_limit"]
        assert each["pids_limit"]
    home = re.search(r"(?m)^barman_home = (.+)$", BARMAN)
    assert home
    assert f"{home[1]}:{home[1]}" in override["barman"]["volumes"]
    # The restored files must be where the service `postgres` looks for them.
    volume = next(each for each in override["restore"]["volumes"] if each.startswith("postgres:"))
    assert volume in COMPOSE["services"]["postgres"]["volumes"]
    installed = set(re.findall(r"/var/backups/[\w/-]+", block_with("sh", "COMPOSE_FILE=")))
    mounted = {
        volume.partition(":")[0]
        for each in override.values()
        for volume in each["volumes"]
        if volume.startswith("/var/backups")
    }
    assert mounted == installed


def test_the_restore_with_docker_is_that_of_the_runbook() -> None:
    block = block_with("sh", "barman restore").replace("\\\n", "")
    words = {
        "$INSTANT": "2026-12-01 14:00+00",
        "$STOPPED": "2026-12-01 14:20+00",
        "$DATA": "/var/lib/postgresql/18/docker",
    }
    for runbook in (TO_INSTANT, RECONCILE):
        for line in runbook.splitlines():
            written = re.sub(r"\$[A-Z]+", lambda name: words[name[0]], line)
            assert shlex.join(shlex.split(written)) in [
                shlex.join(shlex.split(each.partition("--no-deps ")[2].partition(" ")[2]))
                for each in block.splitlines()
                if "--no-deps " in each
            ]


def _backup() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "deploy/backup.yml").read_text())
    return found


def test_the_cluster_without_docker_is_that_of_compose() -> None:
    service, block = services()["postgres"], block_with("sh", "pg_dropcluster")
    created = next(line for line in block.splitlines() if line.startswith("pg_createcluster"))
    wanted = service.environment["POSTGRES_INITDB_ARGS"].split()
    # Debian's own rules of pg_hba.conf are peer and scram-sha-256 already.
    assert set(created.split()) >= {each for each in wanted if not each.startswith("--auth-")}
    # Debian has a place for the rules.
    options = [part for part in service.command if "=" in part and "hba_file" not in part]
    written = block.partition("portal.conf <<'CONF'\n")[2].partition("CONF")[0].splitlines()
    assert {line.replace(" ", "") for line in written} == set(options)


def test_the_proxy_without_docker_keeps_nothing_of_compose() -> None:
    block = block_with("sh", "172.28.5.11").replace("\\\n", " ")
    command = next(line for line in block.splitlines() if line.startswith("sed "))
    done = subprocess.run(
        ["sh", "-ec", command.partition(" > ")[0]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert not re.search(r"172\.28|/run/secrets|8080|8443|/dev/std|/tmp/nginx", done)
    assert re.findall(r"server (127[\d.]+:\d+)", done) == ["127.0.0.1:8001", "127.0.0.1:8002"]
    assert "/etc/letsencrypt/live/portal.your-company.com/privkey.pem" in done


def test_a_renewed_certificate_is_written_where_the_proxy_sees_it(tmp_path: Path) -> None:
    secrets, programs, lineage = (tmp_path / name for name in ("deploy/secrets", "bin", "lineage"))
    for directory in (secrets, programs, lineage):
        directory.mkdir(parents=True)
    script = tmp_path / "deploy/renewed.sh"
    script.write_bytes((ROOT / "deploy/renewed.sh").read_bytes())
    for name in ("fullchain", "privkey"):
        (lineage / f"{name}.pem").write_text(f"new {name}\n")
    (secrets / "tls_certificate").write_text("old\n")
    seen = (secrets / "tls_certificate").stat().st_ino
    docker = programs / "docker"
    docker.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\n[ "$2" = ps ] && echo 1a2b || :\n')
    docker.chmod(0o755)
    environment = {"RENEWED_LINEAGE": str(lineage), "PATH": f"{programs}:/usr/bin:/bin"}
    subprocess.run(["sh", script], env=environment, check=True)
    assert (secrets / "tls_certificate").read_text() == "new fullchain\n"
    assert (secrets / "tls_key").read_text() == "new privkey\n"
    assert (secrets / "tls_certificate").stat().st_ino == seen
    assert "compose kill --signal HUP proxy" in (tmp_path / "calls").read_text()


def test_manage_sh_reads_what_the_services_read(tmp_path: Path) -> None:
    base = tmp_path / "release"
    (base / "deploy/systemd").mkdir(parents=True)
    script = base / "deploy/systemd/manage.sh"
    script.write_bytes((ROOT / "deploy/systemd/manage.sh").read_bytes())
    credentials = units()["mtp-migrate"].credentials
    (tmp_path / "secrets").mkdir()
    addresses = {"database_url", "database_url_2", "database_owner_url_2"}
    for name in {*credentials.values(), *addresses}:
        (tmp_path / "secrets" / name).write_text(f"value of {name}\n")
    settings = "# comment\nSELLER_NAME=Your Company <x> & sons\nSITE_URL=\nDATABASE_SERVERS=2\n"
    (tmp_path / "env").write_text(settings)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "runuser").write_text('#!/bin/sh\necho "CALL=$*"\nexec env\n')
    (programs / "runuser").chmod(0o755)
    for database, url in (("", "database_url"), ("database_owner_url", "database_owner_url")):
        environment = {"MTP_SETTINGS": str(tmp_path), "PATH": f"{programs}:/usr/bin:/bin"}
        if database:
            environment["DATABASE"] = database
        shown = subprocess.run(
            ["sh", script, "doctor"], env=environment, capture_output=True, text=True, check=True
        ).stdout
        found = dict(line.split("=", 1) for line in shown.splitlines())
        assert found["CALL"] == "--user portal -- .venv/bin/python manage.py doctor"
        assert found["SELLER_NAME"] == "Your Company <x> & sons"
        assert "SITE_URL" not in found
        assert found["DATABASE_URL"] == f"value of {url}"
        assert found["DATABASE_URL_2"] == f"value of {url}_2"
        named = {name.upper() for name in credentials}
        assert {name: found[name] for name in named - {"DATABASE_URL"}} == {
            name.upper(): f"value of {name}" for name in credentials if name != "database_url"
        }
