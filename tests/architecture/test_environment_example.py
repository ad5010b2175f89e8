"""`.env.example` explains every environment variable that is read, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Variables that docker-compose.yml, gunicorn.conf.py or the supervisor reads.
ELSEWHERE = {
    "DEMO",
    "METRICS_DIR",
    "MTP_STATE_DIR",
    "PORT",
    "WEB_PROCESSES",
    "WEB_THREADS",
}


def test_every_variable_is_explained() -> None:
    settings = "".join(
        (ROOT / "mtp" / name).read_text()
        for name in ("settings.py", "product_settings.py", "sign_in_settings.py")
    )
    read = set(re.findall(r"(?:env\.\w+|\bsecret)\(\s*\"([A-Z_]+)\"", settings))
    example = (ROOT / ".env.example").read_text()
    explained = set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))
    assert explained == read | ELSEWHERE


def test_the_example_sets_no_value() -> None:
    example = (ROOT / ".env.example").read_text()
    assert re.findall(r"^[A-Z_]+=.+$", example, re.MULTILINE) == []
