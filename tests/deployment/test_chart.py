"""The chart has the services of docker-compose.yml, with their commands, secrets and limits."""

import re
import textwrap
from typing import Any

import pytest
import yaml

from core.outbox.lanes import Lane
from mtp import workers
from tests.deployment.chart import CHART, RELEASE, VALUES, VERSIONS, helm, objections, render
from tests.deployment.compose_file import Service, seconds, services
from tests.deployment.dockerfile import ROOT

pytestmark = pytest.mark.skipif(not helm(), reason="there is no Helm for this machine")
COMPOSE = {name: each for name, each in services().items() if each.is_portal}
CONTRACT = "contract"
EACH = pytest.mark.parametrize("service", COMPOSE.values(), ids=COMPOSE)
WORKLOADS = {"Deployment", "Job"}
BYTES = {"g": "Gi", "m": "Mi"}
# Of the host's file system in containers; in Kubernetes the names of volumes.
PLACES = {"/run/secrets", "/tmp", "/dev/shm"}


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    return render(VALUES["everything"])


def named(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """The objects of a kind by their names, without that of the release."""
    return {
        each["metadata"]["name"].removeprefix(f"{RELEASE}-"): each
        for each in objects
        if each["kind"] == kind
    }


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The specification of each part's pods."""
    found = named(objects, "Deployment") | named(objects, "Job")
    return {name: each["spec"]["template"]["spec"] for name, each in found.items()}


def pod_of(objects: list[dict[str, Any]], service: Service) -> dict[str, Any]:
    return pods(objects)["web" if service.name.startswith("web-") else service.name]


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_api_accepts_every_object(values: str, version: str) -> None:
    assert list(objections(render(VALUES[values]), version=version)) == []


def test_the_api_would_refuse_an_unknown_field(objects: list[dict[str, Any]]) -> None:
    (beat,) = [each for each in objects if each["metadata"]["name"] == f"{RELEASE}-beat"]
    wrong = yaml.safe_load(yaml.safe_dump(beat))
    wrong["spec"]["template"]["spec"]["containers"][0]["readOnlyRootFilesystem"] = True
    assert list(objections([wrong], version=VERSIONS[-1]))


def test_each_service_is_a_workload_and_nothing_else_is(objects: list[dict[str, Any]]) -> None:
    wanted = {"web" if name.startswith("web-") else name for name in COMPOSE}
    assert pods(objects).keys() == wanted | {CONTRACT}
    assert named(objects, "Job").keys() == {"migrate", CONTRACT}
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert values["workers"].keys() == workers.POOLS.keys()
    assert {queue for pool in values["workers"].values() for queue in pool["queues"]} >= {
        lane.value for lane in Lane
    }


@EACH
def test_a_container_has_the_command_and_the_settings_of_its_service(
    objects: list[dict[str, Any]], service: Service
) -> None:
    (container,) = pod_of(objects, service)["containers"]
    assert container["command"] == service.command
    environment = {each["name"]: each["value"] for each in container["env"]}
    chosen = VALUES["everything"]["settings"] | {
        "DATABASE_SERVERS": "2,3",
        **{
            f"DATABASE_URL_{n}_FILE": f"{service.environment['DATABASE_URL_FILE']}_{n}"
            for n in (2, 3)
        },
    }
    assert {name: environment[name] for name in chosen} == chosen
    assert {name: value for name, value in environment.items() if name not in chosen} == (
        service.environment
    )


@EACH
def test_a_pod_sees_the_secrets_of_its_service_and_no_other(
    objects: list[dict[str, Any]], service: Service
) -> None:
    pod = pod_of(objects, service)
    volumes = {each["name"]: each for each in pod["volumes"]}
    secret = volumes["secrets"]["secret"]
    (address,) = {"database_url", "database_owner_url"} & service.secrets.keys()
    assert {each["key"] for each in secret["items"]} == {
        *service.secrets,
        *(f"{address}_{number}" for number in VALUES["everything"]["databaseServers"]),
    }
    assert all(each["key"] == each["path"] for each in secret["items"])
    assert secret["defaultMode"] == 0o440
    (container,) = pod["containers"]
    assert {each["mountPath"] for each in container["volumeMounts"]} == PLACES
    assert volumes["memory"]["emptyDir"]["medium"] == "Memory"
    assert "medium" not in volumes["tmp"]["emptyDir"]


@EACH
def test_a_pod_is_confined_and_limited_as_its_service(
    objects: list[dict[str, Any]], service: Service
) -> None:
    pod = pod_of(objects, service)
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    memory = service.raw["mem_limit"]
    assert container["resources"]["limits"] == {
        "cpu": str(service.raw["cpus"]),
        "memory": memory[:-1] + BYTES[memory[-1]],
    }
    assert container["resources"]["requests"]
    if "stop_grace_period" in service.raw:
        longest = seconds(service.raw["stop_grace_period"])
        pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {"seconds": 0})
        assert pod["terminationGracePeriodSeconds"] == longest + pause["seconds"]


@EACH
def test_what_lasts_is_probed(objects: list[dict[str, Any]], service: Service) -> None:
    (container,) = pod_of(objects, service)["containers"]
    if service.name.startswith("web-"):
        paths = {
            probe: container[f"{probe}Probe"]["httpGet"]["path"]
            for probe in ("startup", "readiness", "liveness")
        }
        assert paths == {"startup": "/ready", "readiness": "/live", "liveness": "/live"}
    elif service.health_check:
        assert container["livenessProbe"]["exec"]["command"][1:] == service.health_check[1:]
    else:
        assert "livenessProbe" not in container


def test_migrations_run_before_a_release_and_one_beat_runs(
    objects: list[dict[str, Any]],
) -> None:
    migrate = named(objects, "Job")["migrate"]
    assert migrate["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    contract = named(objects, "Job")[CONTRACT]
    assert contract["metadata"]["annotations"]["helm.sh/hook"] == "post-upgrade"
    first, second = (each["spec"]["template"]["spec"] for each in (migrate, contract))
    ours, theirs = first["containers"][0], second["containers"][0]
    assert theirs["command"] == [*ours["command"], "--contract"]
    same = {"env", "securityContext", "volumeMounts", "image"}
    assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}
    assert first["volumes"] == second["volumes"]
    kept = render({"contractAfterUpgrade": False})
    assert named(kept, "Job").keys() == {"migrate"}
    beat = named(objects, "Deployment")["beat"]["spec"]
    assert (beat["replicas"], beat["strategy"]) == (1, {"type": "Recreate"})
    web = named(objects, "Deployment")["web"]["spec"]
    assert web["replicas"] == 2
    assert web["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_each_pool_is_scaled_by_the_age_of_its_queues(objects: list[dict[str, Any]]) -> None:
    scaled = named(objects, "ScaledObject")
    assert scaled.keys() == {f"worker-{pool}" for pool in workers.POOLS}
    for pool, own in workers.POOLS.items():
        spec = scaled[f"worker-{pool}"]["spec"]
        assert spec["scaleTargetRef"] == {"name": f"{RELEASE}-worker-{pool}"}
        assert 1 <= spec["minReplicaCount"] < spec["maxReplicaCount"]
        (trigger,) = spec["triggers"]
        lanes = "|".join(own.queues)
        assert trigger["metadata"]["query"] == (
            f'max(mtp_outbox_oldest_due_seconds{{lane=~"{lanes}"}})'
        )
        # Both would set the number.
        assert "replicas" not in named(objects, "Deployment")[f"worker-{pool}"]["spec"]
    without = render(VALUES["defaults"])
    assert named(without, "ScaledObject") == {}
    assert all(each["spec"]["replicas"] for each in named(without, "Deployment").values())


def test_every_selector_finds_the_pods_of_its_part(objects: list[dict[str, Any]]) -> None:
    labels = {
        name: each["spec"]["template"]["metadata"]["labels"]
        for name, each in (named(objects, "Deployment") | named(objects, "Job")).items()
    }

    def found(selector: dict[str, str]) -> set[str]:
        return {name for name, own in labels.items() if selector.items() <= own.items()}

    lasting = named(objects, "Deployment")
    for kind in ("Deployment", "PodDisruptionBudget"):
        for name, each in named(objects, kind).items():
            assert found(each["spec"]["selector"]["matchLabels"]) == {name}
    assert named(objects, "PodDisruptionBudget").keys() == lasting.keys() - {"beat"}
    assert found(named(objects, "Service")["web"]["spec"]["selector"]) == {"web"}
    policies = named(objects, "NetworkPolicy")
    assert found(policies[RELEASE]["spec"]["podSelector"]["matchLabels"]) == labels.keys()
    assert found(policies["web"]["spec"]["podSelector"]["matchLabels"]) == {"web"}


def test_the_ingress_ends_tls_in_front_of_the_web_servers(objects: list[dict[str, Any]]) -> None:
    (ingress,) = named(objects, "Ingress").values()
    host = VALUES["everything"]["ingress"]["host"]
    assert ingress["spec"]["tls"] == [{"hosts": [host], "secretName": "mtp-tls"}]
    (rule,) = ingress["spec"]["rules"]
    assert rule["host"] == host
    backend = rule["http"]["paths"][0]["backend"]["service"]
    service = named(objects, "Service")[backend["name"].removeprefix(f"{RELEASE}-")]
    assert backend["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}
    assert named(render(VALUES["defaults"]), "Ingress") == {}


def test_the_values_of_the_install_page_are_accepted() -> None:
    text = (ROOT / "docs/install.md").read_text()
    (shown,) = re.findall(r"(?ms)^ *```yaml\n(.*?)^ *```$", text)
    values = yaml.safe_load(textwrap.dedent(shown))
    known = yaml.safe_load((CHART / "values.yaml").read_text())
    for name, own in values.items():
        assert name == "settings" or own.keys() <= known[name].keys()
    made = render(values)
    assert list(objections(made, version=VERSIONS[-1])) == []
    assert named(made, "ScaledObject")
    assert named(made, "Ingress")
