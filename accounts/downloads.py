"""Downloads of tables in the format that a person chooses, with the CSV options they keep."""

from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus

from django.http import Http404, HttpResponseBase
from django.shortcuts import render

from accounts.requests import PortalRequest
from core.audit import looked_at
from core.csv_files import CsvOptions, Encoding
from core.table_cells import CannotHold, Cell
from core.table_files import FileFormat, table_response


def wanted_format(request: PortalRequest) -> FileFormat:
    """The format that the address asks for, by default CSV. 404 for an unknown one."""
    try:
        return FileFormat(request.GET.get("format", FileFormat.CSV))
    except ValueError:
        raise Http404 from None


def csv_options(request: PortalRequest) -> CsvOptions:
    """The person's CSV options, with the encoding that the address asks for. 404 if unknown."""
    options = request.user.csv_options
    try:
        return replace(options, encoding=Encoding(request.GET.get("encoding", options.encoding)))
    except ValueError:
        raise Http404 from None


def table_download(
    request: PortalRequest, *, name: str, header: Iterable[Cell], rows: Iterable[Iterable[Cell]]
) -> HttpResponseBase:
    """The table as a file; a page that says why not where the format can't hold a text of it.

    `name` is ASCII, has no ending and contains no user input. Cells are texts, whole numbers,
    `Decimal`, dates and `Instant`; money is a `Decimal` with all decimals of its currency. The
    audit log records it.
    """
    wanted, options = wanted_format(request), csv_options(request)
    try:
        response = table_response(
            name=name, file_format=wanted, header=header, rows=rows, options=options
        )
    except CannotHold as reason:
        context = {"reason": str(reason), "is_excel": wanted is FileFormat.XLSX}
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return render(request, "accounts/cannot_hold.html", context, status=status)
    file_name = f"{name}.{wanted.value}"
    return looked_at(response, action="table.exported", subject=name, file_name=file_name)
