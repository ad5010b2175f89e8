"""Production's settings: every fault is named at once, in plain words, and nothing starts."""

import re
from pathlib import Path

import pytest

from mtp import production
from tests.mtp.production_settings import COMPLETE, start

ROOT = Path(__file__).resolve().parents[2]


def faults(**changed: str) -> list[str]:
    environment = {**COMPLETE, **changed}
    return production.faults(lambda name: environment.get(name, ""))


def test_complete_settings_have_no_fault() -> None:
    assert faults() == []


@pytest.mark.parametrize("name", production.REQUIRED)
@pytest.mark.parametrize("value", ["", "   "])
def test_each_required_setting_is_named_where_it_is_missing(name: str, value: str) -> None:
    assert faults(**{name: value}) == [
        f"{name} is missing or empty: {production.REQUIRED[name]}.",
    ]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("SECRET_KEY", "k3y" * 16, "SECRET_KEY has 48 characters: at least 50 random ones."),
        ("SECRET_KEY", "s" * 60, "SECRET_KEY can be guessed"),
        ("SECRET_KEY", "django-insecure-" + COMPLETE["SECRET_KEY"], "can be guessed"),
        ("ENCRYPTION_KEYS", "short,former", "ENCRYPTION_KEYS has 5 characters"),
        ("ENCRYPTION_KEYS", COMPLETE["SECRET_KEY"], "ENCRYPTION_KEYS begins with SECRET_KEY"),
        ("PAYMENT_LINK_KEYS", COMPLETE["SECRET_KEY"], "PAYMENT_LINK_KEYS begins with SECRET_KEY"),
        ("METRICS_TOKEN", "short", "METRICS_TOKEN has 5 characters"),
        ("ALLOWED_HOSTS", "*", "ALLOWED_HOSTS is *"),
        ("ALLOWED_HOSTS", "other.example", "does not name portal.example"),
        ("SITE_URL", "http://portal.example", "SITE_URL is http://portal.example"),
        ("SITE_URL", "https://127.0.0.1", "SITE_URL is https://127.0.0.1"),
        ("SITE_URL", "https://portal.example/mtp", "and no path"),
        ("SITE_URL", "portal.example", "SITE_URL is portal.example"),
        ("OPERATIONS_NEED_FACTOR", "false", "OPERATIONS_NEED_FACTOR must be on in production"),
        ("SESSION_IDLE_MINUTES", "1", "SESSION_IDLE_MINUTES is '1': use a whole number, 5"),
        ("TRUSTED_PROXY_COUNT", "-1", "TRUSTED_PROXY_COUNT is '-1': use a whole number"),
        ("DATABASE_URL", "mysql://u:secret@h/mtp", "DATABASE_URL begins with mysql://"),
        ("DATABASE_URL", "postgres://u:secret@h", "DATABASE_URL names no database"),
        ("DATABASE_POOLER", "session", "DATABASE_POOLER is 'session': use transaction"),
        ("DATABASE_POOLER", "transaction", "DATABASE_DIRECT_URL is missing"),
        ("DATABASE_DIRECT_URL", "postgres://u:p@h/other", "it must be that of DATABASE_URL"),
        ("DATABASE_REPLICA_URL", "mysql://u:secret@h/none", "DATABASE_REPLICA_URL begins with"),
        ("DATABASE_REPLICA_URL", "postgres://u:secret@h", "DATABASE_REPLICA_URL names no database"),
        ("DATABASE_REPLICA_URL", "postgres://u:p@h/other", "it must be that of DATABASE_URL"),
        ("REDIS_URL", "localhost:6379", "REDIS_URL has no scheme"),
        ("EMAIL_URL", "filemail:////tmp/mtp-mail", "files and consoles are for development"),
        ("EMAIL_URL", "consolemail://", "EMAIL_URL begins with consolemail://"),
        ("STRIPE_API_KEY", "sk_test_x", "STRIPE_API_KEY must begin with sk_live_."),
        ("STRIPE_PUBLISHABLE_KEY", "pk_test_standin", "must begin with pk_live_."),
        ("STRIPE_PUBLISHABLE_KEY", "sk_live_x", "must begin with pk_live_."),
        ("STRIPE_WEBHOOK_SECRET", "x", "STRIPE_WEBHOOK_SECRET must begin with whsec_"),
        ("STRIPE_API_BASE", "http://127.0.0.1:12111", "only https:// protects"),
        ("STRIPE_API_BASE", "https://stripe.com.evil.example", "a stand-in"),
        ("STRIPE_JS_URL", "https://evilstripe.com/v3/", "a stand-in"),
        ("STRIPE_FRAME_SOURCES", "https://js.stripe.com,http://127.0.0.1", "only https://"),
        ("AUTOTASK_BASE_URL", "http://webservices5.autotask.net/", "only https://"),
        ("AUTOTASK_BASE_URL", "https://stand-in.example/atservicesrest", "a stand-in"),
        ("DEBUG", "1", "DEBUG must be off in production"),
        ("DEBUG", "maybe", "DEBUG is 'maybe': use true or false."),
        ("WEB_THREADS", "four", "WEB_THREADS is 'four'"),
        ("RETRY_DAYS", "1,x", "RETRY_DAYS is '1,x'"),
        ("SMALLEST_CHARGES", "USD=few", "use amounts by currency"),
        ("SELLER_COUNTRY", "USA", "use the two capital letters"),
        ("SENTRY_DSN", "http://key@sentry.example/1", "SENTRY_DSN must begin with https://."),
        ("SUPPORT_EMAIL", "support", "which is no e-mail address"),
    ],
)
def test_each_wrong_setting_is_one_fault_that_says_what_to_set(
    name: str, value: str, text: str
) -> None:
    (fault,) = faults(**{name: value})
    assert text in fault


def test_no_fault_shows_a_password() -> None:
    changed = dict.fromkeys(("DATABASE_URL", "REDIS_URL"), "mysql://user:hunter2@host")
    assert "hunter2" not in " ".join(faults(**changed, EMAIL_URL="file://user:hunter2@host"))


def test_former_keys_may_be_of_any_kind() -> None:
    former = f",{COMPLETE['SECRET_KEY']},short"
    assert (
        faults(
            ENCRYPTION_KEYS=COMPLETE["ENCRYPTION_KEYS"] + former,
            PAYMENT_LINK_KEYS=COMPLETE["PAYMENT_LINK_KEYS"] + former,
        )
        == []
    )


def test_test_keys_of_stripe_are_taken_on_purpose_only() -> None:
    keys = {"STRIPE_API_KEY": "sk_test_x", "STRIPE_PUBLISHABLE_KEY": "pk_test_x"}
    assert len(faults(**keys)) == 2
    assert faults(**keys, STRIPE_TEST_MODE="true") == []
    assert len(faults(STRIPE_TEST_MODE="true")) == 2


def test_no_proxy_is_said_on_purpose() -> None:
    assert faults(TRUSTED_PROXY_COUNT="0") == []


def test_every_fault_is_printed_at_once_and_without_a_traceback() -> None:
    run = start({"MTP_ENVIRONMENT": "production", "DEBUG": "1", "EMAIL_URL": "filemail:///tmp"})
    missing = len(production.REQUIRED) - 1
    lines = run.stderr.splitlines()
    assert run.returncode == 1
    assert lines[0] == (
        f"The portal does not start: {missing + 2} settings are missing or wrong for production."
    )
    assert sum(line.endswith(".") and " is missing or empty: " in line for line in lines) == missing
    assert "Traceback" not in run.stderr
    assert len(lines) == missing + 4


@pytest.mark.parametrize(
    "arguments",
    [
        ("manage.py", "doctor"),
        ("manage.py", "migrate_providers"),
        ("-m", "gunicorn", "mtp.wsgi", "--bind=127.0.0.1:0"),
        ("-m", "celery", "-A", "mtp", "worker"),
        ("-m", "celery", "-A", "mtp", "beat", "--schedule=/tmp/none", "--pidfile="),
    ],
    ids=" ".join,
)
def test_every_process_refuses_with_the_same_list(arguments: tuple[str, ...]) -> None:
    run = start({**COMPLETE, "SITE_URL": "", "SUPPORT_EMAIL": ""}, *arguments)
    assert run.returncode != 0
    assert production.refusal(faults(SITE_URL="", SUPPORT_EMAIL="")) in run.stderr
    assert "Traceback" not in run.stderr


def test_a_secret_whose_file_cannot_be_read_is_one_fault(tmp_path: Path) -> None:
    run = start({**COMPLETE, "SECRET_KEY_FILE": f"{tmp_path}/none", "SITE_URL": ""})
    assert run.returncode == 1
    assert f"  - SECRET_KEY_FILE names {tmp_path}/none, which can't be read" in run.stderr
    assert "SECRET_KEY is missing" not in run.stderr
    assert "2 settings are missing or wrong" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_variable_of_another_program_is_not_looked_at(tmp_path: Path) -> None:
    run = start({**COMPLETE, "SSL_CERT_FILE": f"{tmp_path}/none"})
    assert run.returncode == 0, run.stderr


def test_a_secret_comes_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(COMPLETE["SECRET_KEY"] + "\n")
    run = start({**COMPLETE, "SECRET_KEY": "", "SECRET_KEY_FILE": f"{tmp_path}/key"})
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ("environment", "dotenv", "key"),
    [
        ({}, "", "of make up"),
        ({}, "SECRET_KEY=of-dotenv\n", "of make up"),
        ({"MTP_ENVIRONMENT": "production"}, "SECRET_KEY=of-dotenv\n", "of-dotenv"),
        ({}, "MTP_ENVIRONMENT=production\nSECRET_KEY=of-dotenv\n", "of-dotenv"),
        ({"MTP_ENVIRONMENT": "production"}, "", ""),
        ({"SECRET_KEY": "of the environment"}, "SECRET_KEY=of-dotenv\n", "of the environment"),
    ],
)
def test_what_make_up_left_behind_is_not_read_in_production(
    tmp_path: Path, environment: dict[str, str], dotenv: str, key: str
) -> None:
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local/running.env").write_text(
        "MTP_ENVIRONMENT=development\nSECRET_KEY=of make up\n"
    )
    (tmp_path / ".env").write_text(dotenv)
    script = (
        "import sys; from pathlib import Path\n"
        "from mtp.environment import Environment, read_files\n"
        "read_files(Path(sys.argv[1]))\n"
        "print(Environment().str('SECRET_KEY', default=''))"
    )
    assert start(environment, "-c", script, str(tmp_path)).stdout == f"{key}\n"


def test_an_empty_copy_of_the_example_sets_nothing() -> None:
    example = (ROOT / ".env.example").read_text()
    empty = dict.fromkeys(re.findall(r"^([A-Z_]+)=$", example, re.MULTILINE), "")
    script = (
        "from mtp import settings as s\n"
        "print(s.STRIPE_API_BASE, s.RETRY_DAYS, s.MENU_CACHE_SECONDS, s.LOGGING['root']['level'])"
    )
    run = start({**empty, **COMPLETE}, "-c", script)
    assert run.stdout == "https://api.stripe.com [1, 3, 5, 7] 20 INFO\n", run.stderr


def test_an_empty_copy_of_the_example_starts_a_web_server() -> None:
    example = (ROOT / ".env.example").read_text()
    empty = dict.fromkeys(re.findall(r"^([A-Z_]+)=$", example, re.MULTILINE), "")
    run = start({**empty, **COMPLETE}, "-m", "gunicorn", "mtp.wsgi", "--check-config")
    assert run.returncode == 0, run.stderr
    script = "import mtp.wsgi; from mtp import settings; print(settings.PROCESS)"
    assert start({**empty, **COMPLETE}, "-c", script).stdout == "web\n"


def test_the_environment_of_the_images_build_is_complete() -> None:
    lines = (ROOT / "deploy/build.env").read_text().split()
    build = dict(line.partition("=")[::2] for line in lines)
    assert production.faults(lambda name: build.get(name, "")) == []


def test_every_number_and_switch_that_is_read_is_checked() -> None:
    read = "".join(
        (ROOT / name).read_text()
        for name in (
            *("mtp/settings.py", "mtp/product_settings.py", "mtp/sign_in_settings.py"),
            "gunicorn.conf.py",
        )
    )
    numbers = re.findall(r'env\.int\(\s*"([A-Z_]+)"', read)
    numbers += re.findall(r'int\(os\.environ\.get\("([A-Z_]+)"', read)
    assert set(numbers) == set(production.WHOLE_NUMBERS)
    assert set(re.findall(r'env\.bool\(\s*"([A-Z_]+)"', read)) == set(production.SWITCHES)
    assert set(re.findall(r'env\.dict\(\s*"([A-Z_]+)"', read)) == set(production.AMOUNTS)
