"""Reads the units in deploy/systemd/ as systemd does: with the drop-ins for prefixes of a name."""

import shlex
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from tests.deployment.dockerfile import ROOT

DIRECTORY = ROOT / "deploy/systemd"
PROGRAMS = "/opt/mtp/current/.venv/bin/"


@dataclass(frozen=True, slots=True)
class Unit:
    """A service; `lines` are the values of each directive, in the order in which they are read."""

    name: str
    lines: dict[str, list[str]]

    def value(self, directive: str) -> str:
        """The last value, which holds."""
        return self.lines[directive][-1]

    @property
    def command(self) -> list[str]:
        """The command, with its program's name instead of its path."""
        return shlex.split(self.value("ExecStart").removeprefix(PROGRAMS).replace("%%", "%"))

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the unit sets itself."""
        parts = [part for line in self.lines["Environment"] for part in line.split()]
        return dict(part.split("=", 1) for part in parts)

    @property
    def credentials(self) -> dict[str, str]:
        """The names of the secrets' files, by the names that the service sees."""
        pairs = [line.split(":") for line in self.lines["LoadCredential"]]
        assert len({name for name, _ in pairs}) == len(pairs), "which one holds is not documented"
        return {name: path.removeprefix("/etc/mtp/secrets/") for name, path in pairs}


def units() -> dict[str, Unit]:
    """Every service by its name without the suffix."""
    return {path.stem: _unit(path) for path in sorted(DIRECTORY.glob("*.service"))}


def _unit(path: Path) -> Unit:
    stem = path.stem.rstrip("@")
    prefixes = [stem[: at + 1] for at, letter in enumerate(stem) if letter == "-"]
    directories = [DIRECTORY / f"{name}.service.d" for name in (*prefixes, path.stem)]
    dropped = [each for directory in directories for each in directory.glob("*.conf")]
    lines: dict[str, list[str]] = defaultdict(list)
    for file in (path, *sorted(dropped, key=lambda each: each.name)):
        for line in file.read_text().splitlines():
            name, is_directive, value = line.partition("=")
            if is_directive and line[0] not in "#[":
                lines[name].append(value)
    return Unit(path.stem, dict(lines))
