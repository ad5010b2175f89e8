"""`make prove-image`: the image is built and every service of production runs, without an engine.

As root on Debian, with debootstrap and iproute2. The Dockerfile is carried out line by line in a
Debian trixie root. PostgreSQL and Valkey are the embedded ones, nginx is Debian's, each as the user
of its image. The last line is one JSON object.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mtp.supervisor.state import base_directory
from tests.deployment.compose_file import services
from tests.proofs.image_checks import CHECKS
from tests.proofs.image_root import AS_THE_PARTS, PARTS, Build, Failed, debian
from tests.proofs.image_services import networks
from tests.proofs.image_stage import Stage


def why_not() -> str:
    """Why this machine can't carry the proof out; empty if it can."""
    if os.geteuid() != 0:
        return "it needs root, for mounts and namespaces"
    missing = [name for name in ("debootstrap", "ip", "unshare") if not shutil.which(name)]
    return f"it needs {' and '.join(missing)}" if missing else ""


class Steps:
    """What was carried out; a failure is kept and the next step is tried."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failed: list[str] = []

    def take(self, name: str, step: Callable[[], Any]) -> Any:
        """Carry out a step; returns its result, or None if it failed."""
        began = time.monotonic()
        try:
            result = step()
        except (Failed, AssertionError, OSError, subprocess.SubprocessError) as error:
            self.failed.append(name)
            sys.stderr.write(f"FAILED  {name}\n{error}\n")
            return None
        self.done.append(name)
        sys.stderr.write(f"{time.monotonic() - began:6.1f} s  {name}\n")
        return result


def prove() -> dict[str, Any]:
    """Build, start, check and stop everything; returns the JSON object of the last line."""
    steps, build, began = Steps(), Build(), time.monotonic()
    image = steps.take("Dockerfile", build.image)
    parts = steps.take("Debian's nginx and tools", lambda: debian(PARTS, AS_THE_PARTS))
    facts: dict[str, Any] = {}
    if image and parts:
        with tempfile.TemporaryDirectory(dir=base_directory()) as directory, networks() as made:
            stage = Stage(Path(directory), image=image, parts=parts, networks=made)
            try:
                _run_everything(stage, steps)
                facts = steps.take("versions", stage.versions) or {}
                for name in reversed(list(services())):
                    if name != "migrate":
                        steps.take(f"stop {name}", stage.containers[name].stop)
            finally:
                stage.end()
    return {
        "failures": len(steps.failed),
        "failed": steps.failed,
        "steps": len(steps.done),
        "run_lines": len(build.ran),
        "run_lines_cached": build.kept,
        "services": len(services()),
        **facts,
        "seconds": round(time.monotonic() - began, 1),
    }


def _run_everything(stage: Stage, steps: Steps) -> None:
    steps.take("first start of PostgreSQL", stage.first_start)
    for name, service in services().items():
        container = stage.containers[name]
        if service.raw["restart"] == "no":
            steps.take(f"run {name}", container.finish)
            continue
        steps.take(f"start {name}", container.start)
        if name in ("postgres", "redis"):
            steps.take(f"health check of {name}", container.wait_until_healthy)
    for name, service in services().items():
        if service.health_check and name not in ("postgres", "redis"):
            steps.take(f"health check of {name}", stage.containers[name].wait_until_healthy)
    for check in CHECKS:
        steps.take(str(check.__doc__).rstrip("."), lambda check=check: check(stage))


def main() -> int:
    """Prove; 1 if a step failed, 0 also where this machine can't carry the proof out."""
    assert __doc__
    argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0]).parse_args()
    reason = why_not()
    result = {"skipped": reason, "failures": 0} if reason else prove()
    sys.stdout.write(json.dumps(result) + "\n")
    return 1 if result["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
