"""Reads docker-compose.yml as a container engine does: commands, users, secrets, networks."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.deployment.dockerfile import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
PORTAL = "mtp-portal"


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the file; `raw` is what stands there, with its anchors merged."""

    name: str
    raw: dict[str, Any]

    @property
    def is_portal(self) -> bool:
        """Whether it runs our image."""
        return bool(self.raw["image"] == PORTAL)

    @property
    def command(self) -> list[str]:
        """The command, without a shell."""
        return shlex.split(_unescaped(self.raw["command"]))

    @property
    def health_check(self) -> list[str]:
        """The command of the health check; empty if it has none."""
        test = self.raw.get("healthcheck", {}).get("test", [])
        if isinstance(test, str):
            return ["/bin/sh", "-c", _unescaped(test)]
        return [_unescaped(part) for part in test[1:]]

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the file sets itself, without those of .env."""
        set_here = self.raw.get("environment", {})
        return {name: _unescaped(str(value)) for name, value in set_here.items()}

    @property
    def secrets(self) -> dict[str, Path]:
        """The files by their names in /run/secrets."""
        names = self.raw.get("secrets", [])
        return {name: ROOT / COMPOSE["secrets"][name]["file"] for name in names}

    @property
    def mounts(self) -> list[tuple[str, str]]:
        """Source and target of its volumes: a path with "./", a name, or "" for a separate one."""
        parts = [volume.split(":") for volume in self.raw.get("volumes", [])]
        return [(each[0], each[1]) if len(each) > 1 else ("", each[0]) for each in parts]

    @property
    def memory_disks(self) -> list[tuple[str, str]]:
        """Places in memory, with their options."""
        return [(place, options) for place, _, options in _split(self.raw.get("tmpfs", []))]

    @property
    def networks(self) -> dict[str, str]:
        """Its networks, with its address where the file sets one."""
        found = self.raw["networks"]
        if isinstance(found, list):
            return dict.fromkeys(found, "")
        return {name: (options or {}).get("ipv4_address", "") for name, options in found.items()}

    @property
    def stop_seconds(self) -> float:
        """How long a stop may take."""
        return seconds(self.raw.get("stop_grace_period", "10s"))

    @property
    def stop_signal(self) -> str:
        """The signal of a stop."""
        return str(self.raw.get("stop_signal", "SIGTERM"))


def _split(entries: list[str]) -> list[tuple[str, str, str]]:
    return [entry.partition(":") for entry in entries]


def _unescaped(text: str) -> str:
    return text.replace("$$", "$")


def seconds(duration: str) -> float:
    """A duration such as "1m30s"."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([hms])", duration))


def services() -> dict[str, Service]:
    """Every service, in the order of the file."""
    return {name: Service(name, raw) for name, raw in COMPOSE["services"].items()}
