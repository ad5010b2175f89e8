"""Two faults of the crash proof: a full disk, and clocks that jump."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from mtp.supervisor.terminal import Refused
from tests.proofs.crash_stage import DATABASE, Portal

SPARE_MEGABYTES = 160
FULL_SECONDS = 8.0
# Each is logged at once, so it fills the log of changes and no table.
LOGGED = "SELECT pg_logical_emit_message(false, 'crash', repeat('x', 8000000))"
NO_SPACE = b"No space left on device"
CLOCK_MODULE = Path(__file__).parent / "crash_clock"
# Seconds by which the clock of the portal's processes is off, one after the other.
JUMPS = (3600, 0, -7200, 0)
BETWEEN_JUMPS = 12.0
SENDING = re.compile(rb"Sending due task")


def full_disk(proof: Any) -> str:
    """Fill the disk of PostgreSQL twice: tables can't grow, then its log of changes can't.

    Returns why this is skipped, if it is.
    """
    if os.geteuid() != 0:
        return "needs root, to mount a small disk"
    try:
        with _small_disk(proof.portal) as disk:
            proof.loaded(lambda: [_full_tables(proof, disk), _full_log(proof, disk)])
    except subprocess.CalledProcessError as error:
        return f"no small disk can be mounted: {error.stderr.decode().strip()}"
    errors = _postgres_log(proof.portal).count(NO_SPACE)
    proof.run.counts["disk_full_errors"] = errors
    if not errors:
        proof.run.violations.append("the disk was never full")
    return ""


def _full_tables(proof: Any, disk: Path) -> float:
    _fill(disk)
    time.sleep(FULL_SECONDS)
    return _free(proof.portal, disk)


def _full_log(proof: Any, disk: Path) -> float:
    _fill(disk)
    # Until PostgreSQL ends the connection, or itself.
    with suppress(psycopg.Error), proof.portal.database() as connection:
        while True:
            connection.execute(LOGGED)
    time.sleep(FULL_SECONDS)
    return _free(proof.portal, disk)


def _fill(disk: Path) -> None:
    for size in (1 << 20, 4096):
        with suppress(OSError), (disk / "ballast").open("ab", buffering=0) as ballast:
            while ballast.write(bytes(size)):
                pass


def _free(portal: Portal, disk: Path) -> float:
    """Free the disk; returns the instant when PostgreSQL answers, started again if it ended."""
    (disk / "ballast").unlink()
    try:
        portal.group.wait_for(DATABASE)
    except Refused:
        return portal.restart(DATABASE)
    return time.monotonic()


@contextmanager
def _small_disk(portal: Portal) -> Iterator[Path]:
    """PostgreSQL's data on a disk in memory with little space, moved there and back."""
    data, kept, disk = (portal.place / name for name in (DATABASE, "kept", "disk"))
    used = int(subprocess.check_output(["du", "-sm", data]).split()[0])
    disk.mkdir()
    size = f"size={used + SPARE_MEGABYTES}m,mode=0711"
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", disk], check=True, capture_output=True
    )
    try:
        portal.kill(DATABASE, number=signal.SIGINT)
        subprocess.run(["cp", "-a", data, disk], check=True)
        data.rename(kept)
        data.symlink_to(disk / DATABASE)
        portal.restart(DATABASE)
        yield disk
        portal.kill(DATABASE, number=signal.SIGINT)
        data.unlink()
        subprocess.run(["cp", "-a", disk / DATABASE, data], check=True)
        shutil.rmtree(kept)
        portal.restart(DATABASE)
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
        disk.rmdir()


def _postgres_log(portal: Portal) -> bytes:
    return (portal.group.state.logs / f"{DATABASE}.log").read_bytes()


def clock_jumps(proof: Any) -> None:
    """Set the clocks of the web server, the workers and the beat forward and back."""
    portal = proof.portal
    clock = portal.place / "clock"
    _set(clock, 0)
    portal.stop_product()
    portal.start_product(CRASH_CLOCK=str(clock), PYTHONPATH=str(CLOCK_MODULE))
    proof.loaded(lambda: _jump(proof, clock))
    proof.check_processes()
    portal.stop_product()
    portal.start_product()


def _jump(proof: Any, clock: Path) -> list[float]:
    """Let the clock jump; returns when it was right again."""
    log = proof.portal.group.state.logs / proof.portal.beat_log
    right = []
    for seconds in JUMPS:
        _set(clock, seconds)
        began = time.monotonic()
        sent = len(SENDING.findall(log.read_bytes()))
        time.sleep(BETWEEN_JUMPS)
        if len(SENDING.findall(log.read_bytes())) == sent:
            proof.run.violations.append(f"the beat is silent {seconds} s off")
        proof.run.counts["clock_jumps"] += 1
        if seconds <= 0:
            right.append(began)
    return right


def _set(clock: Path, seconds: int) -> None:
    draft = clock.with_suffix(".new")
    draft.write_text(f"{seconds:+d}\n")
    draft.replace(clock)
