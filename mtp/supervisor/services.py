"""PostgreSQL and Valkey: the caller's own by DATABASE_URL and REDIS_URL, or the embedded ones."""

from mtp.supervisor.account import service_account
from mtp.supervisor.binaries import find_binaries
from mtp.supervisor.postgres import start_postgres
from mtp.supervisor.process_group import ProcessGroup
from mtp.supervisor.state import CHECKOUT
from mtp.supervisor.terminal import Step, done
from mtp.supervisor.valkey import start_valkey


def start_services(group: ProcessGroup, chosen: dict[str, str]) -> dict[str, str]:
    """Starts what the caller did not bring and returns DATABASE_URL and REDIS_URL.

    Raises Refused when a service cannot be started.
    """
    urls: dict[str, str] = {
        name: chosen[name] for name in ("DATABASE_URL", "REDIS_URL") if name in chosen
    }
    for name in urls:
        done(name, "from the environment")
    if len(urls) == 2:  # noqa: PLR2004 - both are the caller's own
        return urls
    account = service_account()
    binaries = find_binaries(checkout=CHECKOUT, base=group.state.base, account=account)
    if "DATABASE_URL" not in urls:
        step = Step("PostgreSQL")
        urls["DATABASE_URL"] = start_postgres(group, binaries=binaries, account=account)
        step.finish()
    if "REDIS_URL" not in urls:
        step = Step("Valkey")
        urls["REDIS_URL"] = start_valkey(group, binaries=binaries, account=account)
        step.finish()
    return urls
