"""What is tried on the running services: confinement, roles, provisioning, the proxy, outages."""

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from tests.deployment.compose_file import services
from tests.proofs.image_root import Failed
from tests.proofs.image_stage import HOST, Stage

CHECKS: list[Callable[[Stage], None]] = []
OWNERS = {"worker-provisioning"}
OLD_CIPHERS = ("--ciphers", "ALL:@SECLEVEL=0")
LASTING = [name for name, service in services().items() if service.health_check]
PORTAL = [name for name in LASTING if services()[name].is_portal]
ORDER = """
from django.utils import timezone
from accounts.provisioning.new_provider import create_provider
create_provider(name='Acme IT', invoice_prefix='ACME', contact_name='Ann',
                contact_email='ann@acme.example', now=timezone.now())
"""
STATE = "SELECT state FROM accounts_provider"
PDF = """
import sys, warnings
warnings.simplefilter('error')
from weasyprint import HTML
sys.stdout.write(str(len(HTML(string='<p>Invoice \u20ac 1,000').write_pdf())))
"""
SLOW = """
import socket, ssl, sys
address, host = sys.argv[1:]
tls = ssl.create_default_context(); tls.check_hostname = False; tls.verify_mode = ssl.CERT_NONE
held = []
for _ in range(40):
    line = tls.wrap_socket(socket.create_connection((address, 8443)), server_hostname=host)
    line.sendall(b'POST /webhooks/stripe/ HTTP/1.1\\r\\nHost: %s\\r\\n'
                 b'Content-Length: 100000\\r\\n\\r\\nx' % host.encode())
    held.append(line)
print('held', flush=True)
sys.stdin.read()
"""


def check(function: Callable[[Stage], None]) -> Callable[[Stage], None]:
    """Add it to the checks, in the order of this file."""
    CHECKS.append(function)
    return function


@check
def confined(stage: Stage) -> None:
    """Each service: an ordinary user, no capability, no new privileges, a read-only root."""
    for name in LASTING:
        container = stage.containers[name]
        status = container.inside(["cat", "/proc/self/status"]).stdout
        facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert int(facts["Uid"].split()[0]) == container.user[0] > 0, name
        assert facts["NoNewPrivs"] == "1", name
        for kind in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
            assert int(facts[kind], 16) == 0, f"{name}: {kind}"
        for place in ("/x", "/usr/x", f"{container.image.directory}/x", "/etc/x"):
            tried = container.inside(["touch", place])
            assert "Read-only file system" in tried.stderr, f"{name}: {place}: {tried.stderr}"
        places = [place for place, _ in container.service.memory_disks]
        for place in ["/tmp"] if container.service.is_portal else places:
            assert container.inside(["touch", f"{place}/x"]).returncode == 0, f"{name}: {place}"


@check
def roles(stage: Stage) -> None:
    """The owner's role in the worker that makes schemas, the app's in every other process."""
    for name in PORTAL:
        wanted = "mtp_owner" if name in OWNERS else "mtp_app"
        assert stage.query(name, "SELECT current_user") == wanted, name
        holds = stage.containers[name].inside(["ls", "/run/secrets"]).stdout.split()
        assert ("database_owner_url" in holds) == (name in OWNERS), name
    with pytest.raises(Failed, match="permission denied for schema public"):
        stage.query("web-1", "CREATE TABLE mine (id int)")


@check
def provisioning(stage: Stage) -> None:
    """A provider that the app's role orders gets its schema from the worker with the owner's."""
    stage.shell("web-1", ORDER)
    stage.until(lambda: stage.query("web-2", STATE) == "active")
    count = "SELECT count(*) FROM provider_acme.tenants_organization"
    assert stage.query("web-1", count) == "0"


@check
def doctor(stage: Stage) -> None:
    """The doctor finds nothing wrong but services outside, which are away here."""
    done = stage.containers["web-1"].inside(["python", "manage.py", "doctor"], seconds=300)
    parts = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("PROBLEM")}
    assert "mtp_app reads and writes every table" in done.stdout, done.stdout + done.stderr
    assert parts <= {"Mail", "Stripe", "Autotask", "Clock"}, done.stdout


@check
def documents(stage: Stage) -> None:
    """A document is rendered with the fonts of the image, without a warning."""
    done = stage.containers["worker-documents"].inside(["python", "-c", PDF])
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 1000
    assert done.stderr == ""


@check
def separated(stage: Stage) -> None:
    """The proxy reaches neither PostgreSQL nor Redis."""
    for name, port in (("postgres", 5432), ("redis", 6379)):
        address = stage.networks.addresses[name]["data"]
        tried = stage.containers["proxy"].inside(
            ["curl", "--silent", "--max-time", "2", f"telnet://{address}:{port}"]
        )
        assert tried.returncode in (7, 28), name


@check
def encrypted(stage: Stage) -> None:
    """The proxy speaks TLS 1.2 or later and HTTP/2, and leads from HTTP to HTTPS."""
    stage.client.start()
    plain = stage.curl("/profile/?a=1", "--head", scheme="http")
    assert "301" in plain.splitlines()[0]
    assert f"Location: https://{HOST}/profile/?a=1" in plain
    assert (
        stage.curl(
            "/accounts/login/",
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_version} %{http_code}",
        )
        == "2 200"
    )
    head = stage.curl("/accounts/login/", "--head").lower()
    assert "strict-transport-security" in head
    assert "secure" in head.partition("set-cookie:")[2].splitlines()[0]
    assert "nginx/" not in head
    with pytest.raises(Failed, match="alert protocol version"):
        stage.curl("/accounts/login/", "--tlsv1.0", "--tls-max", "1.1", *OLD_CIPHERS)


@check
def compressed(stage: Stage) -> None:
    """Pages are compressed, and assets come with the name of their content and a long life."""
    head = stage.curl(
        "/accounts/login/",
        "--header",
        "Accept-Encoding: gzip",
        "--dump-header",
        "-",
        "--output",
        "/dev/null",
    ).lower()
    assert "content-encoding: gzip" in head
    assert "accept-encoding" in head.partition("vary:")[2]
    page = stage.curl("/accounts/login/")
    asset = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    assert asset, page[:500]
    head = stage.curl(
        asset, "--header", "Accept-Encoding: gzip", "--dump-header", "-", "--output", "/dev/null"
    ).lower()
    assert "content-encoding: gzip" in head
    assert "immutable" in head


@check
def real_address(stage: Stage) -> None:
    """The client's own address counts, whatever it claims in X-Forwarded-For."""
    cookies = "/dev/shm/cookies"
    page = stage.curl("/accounts/login/", "--cookie-jar", cookies)
    token = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    stage.curl(
        "/accounts/login/",
        "--cookie",
        cookies,
        "--output",
        "/dev/null",
        "--header",
        "X-Forwarded-For: 203.0.113.9",
        "--header",
        f"Referer: https://{HOST}/",
        "--data-urlencode",
        f"csrfmiddlewaretoken={token}",
        "--data-urlencode",
        "login=no@acme.example",
        "--data-urlencode",
        "password=wrong",
    )
    seen = "SELECT ip_address FROM accounts_signinevent ORDER BY id DESC LIMIT 1"
    assert stage.query("web-1", seen) == stage.networks.addresses["client"]["web"]


@check
def hidden(stage: Stage) -> None:
    """Metrics are not for the outside, and a link that lets its reader in is not logged."""
    code = ("--output", "/dev/null", "--write-out", "%{http_code}")
    assert stage.curl("/metrics/", *code) == "404"
    stage.curl("/accounts/password/reset/key/1-abcdef-secret/", *code)
    said = stage.containers["proxy"].log.read_text()
    assert "/accounts/password/reset/key/..." in said
    assert "abcdef" not in said


@check
def slow_senders(stage: Stage) -> None:
    """Forty clients that send a body slowly keep no web server's thread waiting."""
    proxy = stage.networks.addresses["proxy"]["web"]
    held = subprocess.Popen(
        [
            "ip",
            "netns",
            "exec",
            f"{stage.networks.prefix}-client",
            sys.executable,
            "-c",
            SLOW,
            proxy,
            HOST,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert held.stdout
        assert held.stdout.readline() == b"held\n"
        for _ in range(5):
            stage.curl("/accounts/login/", "--max-time", "5", "--output", "/dev/null")
    finally:
        held.kill()
        held.communicate()


@check
def replaced(stage: Stage) -> None:
    """While one web server after the other is stopped and started, every request is answered."""
    codes: list[str] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            try:
                codes.append(
                    stage.curl(
                        "/accounts/login/", "--output", "/dev/null", "--write-out", "%{http_code}"
                    )
                )
            except Failed as failed:
                codes.append(str(failed))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for name in ("web-1", "web-2"):
            stage.containers[name].stop()
            stage.containers[name].start()
            stage.containers[name].wait_until_healthy()
    finally:
        ended.set()
        asking.join()
    assert len(codes) > 20
    assert set(codes) == {"200"}, codes


@check
def away(stage: Stage) -> None:
    """With both web servers away the proxy answers 503 with Retry-After; then it recovers."""
    web = [stage.containers[name] for name in ("web-1", "web-2")]
    for container in web:
        container.stop()
    head = stage.curl("/accounts/login/", "--head").lower()
    assert head.startswith("http/2 503")
    assert "retry-after: 10" in head
    for container in web:
        container.start()
        container.wait_until_healthy()
    code = ("--output", "/dev/null", "--write-out", "%{http_code}")
    stage.until(lambda: stage.curl("/accounts/login/", *code) == "200", seconds=20)
