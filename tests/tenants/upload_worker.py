"""The web worker's part of uploads, measured: `python -m … SCHEMA ORGANIZATION`.

Prints for each hostile file the CPU seconds and the growth of the peak memory in MB.
"""

import gc
import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import django

SIZE = 10 * 1024 * 1024
WIDE = b"x" * 120


def hostile_files() -> Iterator[tuple[str, bytes]]:
    """Files of the largest size, by name."""
    yield "many lines", _filled(b"email,name\n", b"a@acme.example,Ann\n")
    yield "blank lines", b"\n" * SIZE
    yield "blank lines behind the titles", _filled(b"email\n", b"\n")
    yield "one line of separators", b"," * SIZE
    yield "one long cell", b"email\n" + b"x" * (SIZE - 10)
    yield "an open quotation mark", b'email,"' + b"a\n" * (SIZE // 2 - 10)
    yield (
        "UTF-16",
        "\ufeffemail,name\na@acme.example,".encode("utf-16-le") + b"x\0" * (SIZE // 2 - 50),
    )
    yield "not UTF-8", _filled(b"email,name\n", b"a@acme.example,Zo\xeb\n")
    passwords = b"email,password,name\n"
    yield "passwords", _filled(passwords, b"a@acme.example,pa55," + WIDE * 2 + b"\n")
    yield "passwords and blank lines", _filled(passwords, b"\n")
    yield "passwords and separators", _filled(passwords, b",,,,,,,,,,,,,,\n")
    yield (
        "passwords not in UTF-8",
        _filled(passwords, b"a@acme.example,pa55,Zo\xeb" + WIDE * 2 + b"\n"),
    )


def _filled(beginning: bytes, line: bytes) -> bytes:
    return beginning + line * ((SIZE - len(beginning)) // len(line))


def main() -> None:
    """Upload each file into the organization."""
    django.setup()
    from django.test import RequestFactory

    from core.schema import schema_named

    schema, organization_id = sys.argv[1:]
    results = {}
    with schema_named(schema):
        _upload(RequestFactory(), int(organization_id), b"email\na@acme.example")
        for name, content in hostile_files():
            results[name] = _measured(RequestFactory(), int(organization_id), content)
    sys.stdout.write(json.dumps(results))


def _measured(factory: object, organization_id: int, content: bytes) -> tuple[float, float]:
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins again
    before, began = _peak(), time.process_time()
    _upload(factory, organization_id, content)
    return time.process_time() - began, _peak() - before


def _upload(factory: object, organization_id: int, content: bytes) -> None:
    """What the view does with the body of a request."""
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.utils import timezone

    from core.actors import SYSTEM_ACTOR
    from tenants.imports.file_reading import NotReadable
    from tenants.imports.forms import UploadForm
    from tenants.imports.runs import start_import
    from tenants.models import ImportRun, Organization

    request = factory.post("/", {"file": SimpleUploadedFile("a.csv", content)})
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return
    with suppress(NotReadable):
        start_import(
            organization=Organization.objects.get(pk=organization_id),
            kind=ImportRun.Kind.USERS,
            file_name="a.csv",
            content=form.cleaned_data["file"].read(),
            actor=SYSTEM_ACTOR,
            now=timezone.now(),
        )


def _peak() -> float:
    """The peak of this process's resident memory in MB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if found is None:
        raise RuntimeError("The system does not say how much memory a process has.")
    return int(found[1]) / 1024


if __name__ == "__main__":
    main()
