"""The web worker's part of uploads, measured: `python -m … SCHEMA upload ORGANIZATION`.

`SCHEMA refused RUN …` does so for downloads of refused lines. Prints for each hostile file, and the
largest sound ones, the CPU seconds, the growth of the peak memory in MB, and why it was refused.
"""

import gc
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import django

from core.table_files import FileFormat, table_response
from tests.tenants.widest_file import widest_file

SMALL, LARGE = 10 * 1024 * 1024, 40 * 1024 * 1024
WIDE = b"x" * 120


Write = Callable[[], bytes]


def files() -> Iterator[tuple[str, Write]]:
    """Files of the largest size, by name; those up to 10 MB are stored as they are."""
    yield "widest sound file", widest_file
    yield "widest sound file with passwords", partial(widest_file, password="pa55")
    yield from _hostile(LARGE)
    for name, write in _hostile(SMALL):
        if name in {"many lines", "passwords not in UTF-8"}:
            yield f"{name}, stored as it is", write
    yield (
        "what can't be compressed",
        lambda: b"email\n" + os.urandom(LARGE // 2).hex().encode()[:-6],
    )
    yield "too large", lambda: b"email\n" + b"a" * LARGE
    yield "a workbook", lambda: b"PK\x03\x04" + os.urandom(LARGE - 4)


def _hostile(size: int) -> Iterator[tuple[str, Write]]:
    def filled(beginning: bytes, line: bytes) -> Write:
        return lambda: beginning + line * ((size - len(beginning)) // len(line))

    yield "many lines", filled(b"email,name\n", b"a@acme.example,Ann\n")
    yield "blank lines", filled(b"", b"\n")
    yield "blank lines behind the titles", filled(b"email\n", b"\n")
    yield "one line of separators", filled(b"", b",")
    yield "one long cell", filled(b"email\n", b"x")
    yield "an open quotation mark", filled(b'email,"', b"a\n")
    yield (
        "UTF-16",
        filled("\ufeffemail,name\na@acme.example,".encode("utf-16-le"), b"x\0"),
    )
    yield "not UTF-8", filled(b"email,name\n", b"a@acme.example,Zo\xeb\n")
    passwords = b"email,password,name\n"
    yield "passwords", filled(passwords, b"a@acme.example,pa55," + WIDE * 6 + b"\n")
    yield "passwords and blank lines", filled(passwords, b"\n")
    yield "passwords and separators", filled(passwords, b",,,,,,,,,,,,,,\n")
    yield "passwords and wide lines", filled(passwords, b"a" + b",b" * 990 + b"\n")
    yield (
        "passwords not in UTF-8",
        filled(passwords, b"a@acme.example,pa55,Zo\xeb" + WIDE * 6 + b"\n"),
    )


def main() -> None:
    """Upload each file into the organization, or download the refused lines of each import."""
    django.setup()
    from core.schema import schema_named

    schema, what, *ids = sys.argv[1:]
    results = {}
    with schema_named(schema):
        if what == "upload":
            _upload(_request(lambda: b"email\na@acme.example"), int(ids[0]))
            for name, write in files():
                request = _request(write)
                results[name] = _measured(lambda at=request: _upload(at, int(ids[0])))
        else:
            for number, run_id in enumerate(ids):
                for file_format in FileFormat:
                    results[f"{number} {file_format}"] = _measured(
                        lambda pk=run_id, chosen=file_format: _refused(int(pk), chosen)
                    )
    sys.stdout.write(json.dumps(results))


def _request(write: Write) -> Any:
    """A request whose body is read from a file, as a web worker reads it from its connection."""
    from django.test import RequestFactory

    body = TemporaryFile()  # noqa: SIM115 - the request reads it
    # In another process: memory that was used before hides what the request takes.
    if not (child := os.fork()):
        body.write(
            b'--part\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n'
            b"Content-Type: text/csv\r\n\r\n%b\r\n--part--\r\n" % write()
        )
        body.flush()
        os._exit(0)
    os.waitpid(child, 0)
    size = body.seek(0, os.SEEK_END)
    body.seek(0)
    return RequestFactory().request(
        **{
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": "multipart/form-data; boundary=part",
            "CONTENT_LENGTH": str(size),
            "wsgi.input": body,
        }
    )


def _measured(request: Callable[[], str]) -> tuple[float, float, str]:
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins again
    before, began = _peak(), time.process_time()
    refusal = request()
    return time.process_time() - began, _peak() - before, refusal


def _refused(run_id: int, file_format: FileFormat) -> str:
    """What the view does for the refused lines of an import."""
    from tenants.imports.export import refused_rows
    from tenants.models import ImportRun

    header, rows = refused_rows(run=ImportRun.objects.get(pk=run_id))
    table_response(name="a", file_format=file_format, header=header, rows=rows).close()
    return ""


def _upload(request: Any, organization_id: int) -> str:
    """What the view does with the body of a request; returns why it is refused."""
    from django.utils import timezone

    from core.actors import SYSTEM_ACTOR
    from tenants.imports.forms import UploadForm
    from tenants.imports.reading.records import NotReadable
    from tenants.imports.runs import start_import
    from tenants.models import ImportRun, Organization

    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return form.errors["file"][0]
    try:
        start_import(
            organization=Organization.objects.get(pk=organization_id),
            kind=ImportRun.Kind.USERS,
            file_name="a.csv",
            file=form.cleaned_data["file"].file,
            actor=SYSTEM_ACTOR,
            now=timezone.now(),
        )
    except NotReadable as reason:
        return str(reason)
    return ""


def _peak() -> float:
    """The peak of this process's resident memory in MB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if found is None:
        raise RuntimeError("The system does not say how much memory a process has.")
    return int(found[1]) / 1024


if __name__ == "__main__":
    main()
