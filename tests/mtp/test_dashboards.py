"""Dashboard and alarms: every metric and label that they name exists."""

# ruff: noqa: SLF001 - no public list of labels

import json
import re
from pathlib import Path
from typing import Any

import yaml
from django.utils import timezone

from accounts.figures import provider_gauges
from accounts.models import Provider
from core.operations.heartbeats import BEAT, note
from core.operations.metrics import operations_gauges
from core.telemetry.counters import REGISTRY
from mtp.workers import POOLS

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "gauge": ("",),
}
NAME = re.compile(r"\b(mtp_[a-z_]+|up)\b(?:\{([^}]*)\})?")
GROUPED = re.compile(r"\bby \(([^)]*)\)")
# Of Prometheus itself.
LABELS_OF_ALL = {"job", "instance", "le"}


def known() -> dict[str, set[str]]:
    """Every metric as Prometheus names it, with its labels."""
    now = timezone.now()
    note(names=[BEAT], now=now)
    found: dict[str, set[str]] = {"up": set()}
    for collector in list(REGISTRY._collector_to_names):
        for suffix in SUFFIXES[collector._type]:
            found[collector._name + suffix] = set(collector._labelnames)
    for metric in (*operations_gauges(now=now), *provider_gauges(now=now)):
        found[metric.name] = {label for sample in metric.samples for label in sample.labels}
    return found


def expressions() -> dict[str, str]:
    rules = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())
    panels = json.loads((DEPLOY / "grafana/portal.json").read_text())["panels"]
    return {
        **{rule["alert"]: rule["expr"] for group in rules["groups"] for rule in group["rules"]},
        **{
            f"{panel['title']} {target['refId']}": target["expr"]
            for panel in panels
            for target in panel["targets"]
        },
    }


def test_every_metric_and_label_that_is_named_exists(north: Provider) -> None:
    metrics = known()
    for title, expression in expressions().items():
        named = NAME.findall(expression)
        assert named, title
        for name, matched in named:
            assert name in metrics, f"{title}: {name}"
            labels = set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", matched))
            assert labels <= metrics[name] | LABELS_OF_ALL, f"{title}: {name}"
        grouped = {
            label.strip() for group in GROUPED.findall(expression) for label in group.split(",")
        }
        of_named = set().union(*(metrics[name] for name, _ in named))
        assert grouped <= of_named | LABELS_OF_ALL, title


def test_every_metric_is_on_the_dashboard(north: Provider) -> None:
    shown = {
        name
        for title, expression in expressions().items()
        if not title[0].islower()
        for name, _ in NAME.findall(expression)
    }
    stems = {re.sub("_(bucket|sum|count)$", "", name) for name in known()} - {"up"}
    assert stems <= {re.sub("_(bucket|sum|count)$", "", name) for name in shown}


def test_every_alarm_says_what_to_do_next() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("page", "ticket")
            assert rule["annotations"]["summary"].endswith(".")
            assert rule["annotations"]["next_step"].endswith(".")


def test_prometheus_reads_every_process() -> None:
    scraped: Any = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    targets = {
        target
        for job in scraped["scrape_configs"]
        for each in job["static_configs"]
        for target in each["targets"]
    }
    compose = yaml.safe_load((DEPLOY.parent / "docker-compose.yml").read_text())
    port = compose["x-portal"]["environment"]["WORKER_METRICS_PORT"]
    assert targets == {"web-1:8000", "web-2:8000", *(f"worker-{pool}:{port}" for pool in POOLS)}
    assert {target.partition(":")[0] for target in targets} <= set(compose["services"])
