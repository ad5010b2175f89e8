"""A process that renders invoices as a worker does, for `bench_documents`.

    python -m tests.benchmarks.document_worker floor|long|rate [rounds or seconds]

Prints one JSON object; `rate` first prints "ready" and waits for a line.
"""

import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mtp.settings")

SHORT, LONG = 20, 2000


def cpu_seconds(work: Callable[[], object]) -> float:
    """Seconds of CPU time of this process for one call."""
    # Collect garbage first, which an earlier call left.
    gc.collect()
    before = time.process_time()
    work()
    return time.process_time() - before


def render(count: int) -> Callable[[], bytes]:
    """A function that renders a document of so many lines, from rows to bytes."""
    from billing.documents.invoice_pdf import invoice_pdf
    from tests.billing.invoice_contents import invoice_with

    invoice, lines = invoice_with(count=count)
    return lambda: invoice_pdf(invoice=invoice, lines=lines)


def straight(count: int) -> Callable[[], bytes]:
    """A function that only runs the renderer, on the same HTML and with fonts and styles reused."""
    import weasyprint

    from billing.documents.invoice_pdf import invoice_html
    from billing.documents.rendering import font_configuration, stylesheet
    from tests.billing.invoice_contents import invoice_with

    invoice, lines = invoice_with(count=count)
    html = invoice_html(invoice=invoice, lines=lines)

    def write() -> bytes:
        document = weasyprint.HTML(string=html)
        content: bytes = document.write_pdf(
            stylesheets=[stylesheet()], font_config=font_configuration(), pdf_tags=True
        )
        return content

    return write


def floor(rounds: int) -> dict[str, float]:
    """The short document and its floor, measured alternately: the minimum of each, in ms of CPU."""
    ours, bare = render(SHORT), straight(SHORT)
    ours()
    bare()
    pairs = [(cpu_seconds(ours), cpu_seconds(bare)) for _ in range(rounds)]
    return {
        "ours_ms": 1000 * min(pair[0] for pair in pairs),
        "floor_ms": 1000 * min(pair[1] for pair in pairs),
    }


def long(rounds: int) -> dict[str, float]:
    """The long document against the short one, and its peak memory."""
    short, annexed = render(SHORT), render(LONG)
    short()
    short_ms = 1000 * min(cpu_seconds(short) for _ in range(5 * rounds))
    long_ms = 1000 * min(cpu_seconds(annexed) for _ in range(rounds))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"short_ms": short_ms, "long_ms": long_ms, "peak_mb": peak}


def rate(seconds: int) -> dict[str, float]:
    """Short documents per second, from a line on standard input on."""
    work = render(SHORT)
    work()
    print("ready", flush=True)
    sys.stdin.readline()
    started = time.perf_counter()
    done = 0
    while time.perf_counter() - started < seconds:
        work()
        done += 1
    return {"per_second": done / (time.perf_counter() - started)}


if __name__ == "__main__":
    django.setup()
    measure = {"floor": floor, "long": long, "rate": rate}[sys.argv[1]]
    print(json.dumps(measure(int(sys.argv[2]))))
