"""The systemd units start what docker-compose.yml starts, as confined, with the same secrets."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deployment.compose_file import Service, seconds, services
from tests.deployment.dockerfile import ROOT
from tests.deployment.unit_files import DIRECTORY, PROGRAMS, Unit, units

COMPOSE = {name: each for name, each in services().items() if each.is_portal}
UNITS = units()
# Containers alone have a health check that reads the file.
ONLY_CONTAINERS = {"HEARTBEAT_PATH"}
BYTES = {"g": "G", "m": "M"}
# Tenths of the exposure that systemd-analyze counts: the portal needs the network, and /proc.
LARGEST_EXPOSURE = 20
needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"
)


def unit_of(service: str) -> Unit:
    return UNITS["mtp-web@" if service.startswith("web-") else f"mtp-{service}"]


EACH = pytest.mark.parametrize("service", COMPOSE.values(), ids=COMPOSE)


def test_each_service_has_a_unit_and_the_target_starts_it() -> None:
    assert UNITS.keys() - {"barman"} == {unit_of(name).name for name in COMPOSE}
    target = (DIRECTORY / "mtp.target").read_text()
    started = {
        name
        for line in target.splitlines()
        if line.startswith("Wants=")
        for name in line.removeprefix("Wants=").split()
    }
    web = {"mtp-web@8001.service", "mtp-web@8002.service"}
    ours = UNITS.keys() - {"barman"}
    assert started == web | {f"{name}.service" for name in ours if "@" not in name}


def test_the_backup_s_unit_is_its_service_of_the_override() -> None:
    raw = yaml.safe_load((ROOT / "deploy/backup.yml").read_text())["services"]["barman"]
    service, unit = Service("barman", raw), UNITS["barman"]
    program, script = unit.command
    assert [Path(program).name, script.removeprefix("/opt/mtp/current/")] == service.command
    assert unit.value("User") == raw["user"]
    assert unit.environment.keys() == service.environment.keys()
    assert set(unit.credentials.values()) == set(raw["secrets"])
    assert unit.value("MemoryMax") == raw["mem_limit"][:-1] + BYTES[raw["mem_limit"][-1]]
    assert unit.value("CPUQuota") == f"{raw['cpus'] * 100}%"
    assert unit.value("TasksMax") == str(raw["pids_limit"])
    assert float(unit.value("TimeoutStopSec")) == seconds(raw["stop_grace_period"])


@EACH
def test_a_unit_has_the_command_of_its_service(service: Service) -> None:
    command = unit_of(service.name).command
    if service.name.startswith("web-"):
        assert "127.0.0.1:%i" in command
        command = [part.replace("127.0.0.1:%i", "0.0.0.0:8000") for part in command]
    assert command == service.command


@EACH
def test_a_unit_has_the_secrets_and_settings_of_its_service(service: Service) -> None:
    unit = unit_of(service.name)
    assert set(unit.credentials.values()) == service.secrets.keys()
    for name, value in service.environment.items():
        if name.endswith("_FILE"):
            seen = unit.environment[name].removeprefix("%d/")
            assert unit.credentials[seen] == value.removeprefix("/run/secrets/"), name
        elif name in {"WORKER_METRICS_PORT", "METRICS_DIR"}:
            assert (name in unit.environment) or not service.name.startswith("worker-")
        elif not value:
            assert name in unit.value("UnsetEnvironment").split()
        elif name not in ONLY_CONTAINERS:
            assert unit.environment[name] == value


def test_each_unit_gets_the_addresses_of_further_database_servers(tmp_path: Path) -> None:
    script, environment = DIRECTORY / "servers.sh", tmp_path / "env"
    paths = {"MTP_SETTINGS": str(tmp_path), "MTP_UNITS": str(tmp_path), "PATH": os.environ["PATH"]}
    environment.write_text("SITE_URL=https://portal.example\nDATABASE_SERVERS=2,3\n")
    subprocess.run(["sh", script], env=paths, capture_output=True, check=True)
    for service in COMPOSE.values():
        unit = unit_of(service.name)
        written = (tmp_path / f"{unit.name}.service.d/servers.conf").read_text().splitlines()
        address = unit.credentials["database_url"]
        assert written == [
            "[Service]",
            *(
                line
                for n in (2, 3)
                for line in (
                    f"LoadCredential=database_url_{n}:/etc/mtp/secrets/{address}_{n}",
                    f"Environment=DATABASE_URL_{n}_FILE=%d/database_url_{n}",
                )
            ),
        ]
    assert not (tmp_path / "barman.service.d").exists()
    environment.write_text("SITE_URL=https://portal.example\n")
    subprocess.run(["sh", script], env=paths, capture_output=True, check=True)
    assert list(tmp_path.rglob("servers.conf")) == []


def test_workers_on_one_machine_show_their_counters_at_different_ports() -> None:
    ports = [unit.environment.get("WORKER_METRICS_PORT") for unit in UNITS.values()]
    chosen = [port for port in ports if port]
    assert len(chosen) == len(set(chosen)) == sum(name.startswith("worker-") for name in COMPOSE)


@EACH
def test_a_unit_has_the_limits_and_the_time_to_stop_of_its_service(service: Service) -> None:
    unit = unit_of(service.name)
    memory = service.raw["mem_limit"]
    assert unit.value("MemoryMax") == memory[:-1] + BYTES[memory[-1]]
    assert unit.value("CPUQuota") == f"{service.raw['cpus'] * 100}%"
    assert unit.value("TasksMax") == str(service.raw["pids_limit"])
    if "stop_grace_period" in service.raw:
        assert float(unit.value("TimeoutStopSec")) == seconds(service.raw["stop_grace_period"])
    lasts = service.raw["restart"] == "unless-stopped"
    assert unit.lines.get("Restart", ["no"])[-1] == ("always" if lasts else "no")
    assert ("mtp-migrate.service" in unit.lines["After"]) == lasts


@needs_systemd
def test_systemd_accepts_the_units_and_finds_them_confined(tmp_path: Path) -> None:
    copy = tmp_path / "units"
    shutil.copytree(DIRECTORY, copy)
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("python", "gunicorn", "celery"):
        (programs / name).symlink_to("/bin/true")
    for path in copy.rglob("*.service"):
        if path.is_file():
            path.write_text(path.read_text().replace(PROGRAMS, f"{programs}/"))
    files = [copy / "mtp.target", copy / "mtp-web@8001.service"]
    files += [path for path in copy.glob("*.service") if "@" not in path.name]
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{copy}:"}
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    about_ours = [line for line in verified.stderr.splitlines() if "mtp" in line]
    assert (verified.returncode, about_ours) == (0, [])
    confined = subprocess.run(
        [
            *("systemd-analyze", "security", "--offline=true", "--no-pager"),
            *(f"--threshold={LARGEST_EXPOSURE}", *files[2:]),
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert confined.returncode == 0, confined.stdout
