"""Tables as CSV and Excel files: every value comes back as it was, in each form."""

import csv
import io
import tempfile
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from babel.numbers import parse_decimal
from hypothesis import given, settings
from hypothesis import strategies as st

from core.csv_files import CsvOptions, DecimalMark, Encoding, Separator, csv_lines, read_cell
from core.table_cells import CannotHold, Instant
from core.table_files import MOST_IN_MEMORY, FileFormat, table_response, write_table
from core.xlsx_files import LONGEST_TEXT, write_xlsx
from tests.spreadsheets import sheet_rows, sheets_of

BERLIN = ZoneInfo("Europe/Berlin")
AT = datetime(2026, 10, 25, 0, 30, 7, 250_000, tzinfo=UTC)
HEADER = ("Text", "Whole", "Money", "Date", "Instant")
ROW = ("Größe; “a”, b\tc", 1234, Decimal("-1234.50"), date(2026, 2, 28), Instant(AT, BERLIN))
CODECS = {
    Encoding.UTF_8_MARK: "utf-8-sig",
    Encoding.UTF_8: "utf-8",
    Encoding.WINDOWS_1252: "cp1252",
    Encoding.UTF_16: "utf-16",
}
DELIMITERS = {Separator.COMMA: ",", Separator.SEMICOLON: ";", Separator.TAB: "\t"}
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "＝1", "\t=1", "'=1", '=HYPERLINK("http://x")')


def csv_of(rows: object, options: CsvOptions) -> bytes:
    file = io.BytesIO()
    write_table(file, file_format=FileFormat.CSV, header=HEADER, rows=rows, options=options)
    return file.getvalue()


def xlsx_of(rows: object, **options: int) -> bytes:
    file = io.BytesIO()
    write_xlsx(file, header=HEADER, rows=rows, **options)
    return file.getvalue()


def test_the_default_is_what_it_was_before_there_were_options() -> None:
    assert (
        csv_of([ROW], CsvOptions())
        == (
            "\ufeffText,Whole,Money,Date,Instant\r\n"
            '"Größe; “a”, b\tc",1234,-1234.50,2026-02-28,2026-10-25T02:30:07.250000+02:00\r\n'
        ).encode()
    )


@pytest.mark.parametrize(
    "options", [CsvOptions(*each) for each in product(Separator, DecimalMark, Encoding)]
)
def test_every_form_of_csv_reads_back(options: CsvOptions) -> None:
    text = csv_of([ROW], options).decode(CODECS[options.encoding])
    header, cells = csv.reader(
        io.StringIO(text, newline=""), delimiter=DELIMITERS[options.separator]
    )
    assert tuple(header) == HEADER
    locale = "de" if options.decimal_mark is DecimalMark.COMMA else "en"
    assert parse_decimal(cells[2], locale=locale, strict=True) == ROW[2]
    assert (cells[0], cells[1], cells[3]) == (ROW[0], "1234", "2026-02-28")
    assert datetime.fromisoformat(cells[4]) == AT


def test_only_marked_encodings_have_a_mark() -> None:
    beginnings = {each: csv_of([], CsvOptions(encoding=each))[:3] for each in Encoding}
    assert beginnings[Encoding.UTF_8_MARK] == b"\xef\xbb\xbf"
    assert beginnings[Encoding.UTF_16][:2] == b"\xff\xfe"
    assert beginnings[Encoding.UTF_8] == beginnings[Encoding.WINDOWS_1252] == b"Tex"


@pytest.mark.parametrize(
    ("number", "text"),
    [("0.000", "0,000"), ("1E+3", "1000"), ("1E-7", "0,0000001"), ("1234567.89", "1234567,89")],
)
def test_a_decimal_comma_keeps_every_digit(number: str, text: str) -> None:
    options = CsvOptions(Separator.TAB, DecimalMark.COMMA, Encoding.UTF_8)
    assert csv_of([(Decimal(number),)], options).decode().splitlines()[1] == text


def test_a_character_outside_the_encoding_is_refused_with_its_line() -> None:
    options = CsvOptions(encoding=Encoding.WINDOWS_1252)
    rows = [("Zoë – 5 €",), ("Жанна \U0001f600",)]
    with pytest.raises(CannotHold, match=r"line 3: “Ж” \(U\+0416\), “а” \(U\+0430\)") as refused:
        csv_of(rows, options)
    assert "Windows-1252" in str(refused.value)
    # These five bytes have no character in Windows-1252, and this library would not invent any.
    with pytest.raises(CannotHold):
        csv_of([("\x81",)], options)


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_is_a_text_in_each_format(formula: str) -> None:
    (read,) = sheet_rows(xlsx_of([(formula,)]))[1]
    assert read is not None
    assert (read.text, read.is_formula) == (formula, False)
    line = list(csv_lines(header=(), rows=[(formula,)], options=CsvOptions(Separator.TAB)))[2]
    (cell,) = next(csv.reader(io.StringIO(line, newline=""), delimiter="\t"))
    assert cell.startswith("'")
    assert read_cell(cell) == formula


def test_excel_gets_numbers_dates_and_instants() -> None:
    header, cells = sheet_rows(xlsx_of([ROW]))
    assert [each.text for each in header if each] == list(HEADER)
    text, whole, money, day, instant = cells
    assert text is not None
    assert whole is not None
    assert money is not None
    assert day is not None
    assert instant is not None
    assert text.text == ROW[0]
    assert (whole.number, money.number, money.shown) == (1234, Decimal("-1234.5"), "0.00")
    assert (day.at, day.shown) == ("2026-02-28 00:00:00.000000", "yyyy-mm-dd")
    assert instant.at == "2026-10-25 02:30:07.250000"
    assert instant.shown == 'yyyy-mm-dd hh:mm:ss.000 "+02:00"'


@pytest.mark.parametrize(
    ("money", "shown"), [("3", "0"), ("3.50", "0.00"), ("3.500", "0.000"), ("0.0025", "0.0000")]
)
def test_money_has_the_digits_of_its_currency_in_excel(money: str, shown: str) -> None:
    (cell,) = sheet_rows(xlsx_of([(Decimal(money),)]))[1]
    assert cell is not None
    assert (cell.number, cell.shown) == (Decimal(money), shown)


@pytest.mark.parametrize(
    "number", [10**15, -(10**17) - 1, Decimal("12345678901234.56"), Decimal("1E+40")]
)
def test_a_number_with_too_many_digits_for_excel_is_a_text(number: Decimal | int) -> None:
    (cell,) = sheet_rows(xlsx_of([(number,)]))[1]
    assert cell is not None
    read = cell.text if cell.text is not None else f"{cell.number:f}"
    assert Decimal(read) == number


def test_both_hours_of_the_night_when_clocks_go_back_differ() -> None:
    first, second = (
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    )
    _, before, after = sheet_rows(xlsx_of([(Instant(first, BERLIN),), (Instant(second, BERLIN),)]))
    assert before[0] is not None
    assert after[0] is not None
    assert before[0].at == after[0].at
    assert (before[0].shown[-8:], after[0].shown[-8:]) == ('"+02:00"', '"+01:00"')


def test_rows_beyond_a_sheet_continue_on_the_next_one() -> None:
    sheets = sheets_of(xlsx_of([(f"{number}",) for number in range(5)], rows_of_a_sheet=3))
    assert [[row[0].text for row in sheet[1:] if row[0]] for sheet in sheets] == [
        ["0", "1"],
        ["2", "3"],
        ["4"],
    ]
    assert all(sheet[0][0] and sheet[0][0].text == "Text" for sheet in sheets)


def test_a_text_that_no_cell_of_excel_holds_is_refused() -> None:
    assert sheet_rows(xlsx_of([("x" * LONGEST_TEXT,)]))[1][0] is not None
    for text in ("x" * (LONGEST_TEXT + 1), "\U0001f600" * (LONGEST_TEXT // 2 + 1), "a\uffffb"):
        with pytest.raises(CannotHold, match="line 3, column 1"):
            xlsx_of([("short",), (text,)])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\ufffe\uffff")),
        min_size=1,
        max_size=3,
    )
)
def test_any_text_reads_back_from_excel(texts: list[str]) -> None:
    texts += ["<r><t>x</t></r>", "<r></r>", "_x0041_", " a ", "a\r\nb", "\x07", "=1"]
    cells = sheet_rows(xlsx_of([texts]))[1]
    assert [cell.text if cell else "" for cell in cells] == texts


def many(count: int) -> Iterator[tuple[object, ...]]:
    for number in range(count):
        yield (f"Organization {number}", number, Decimal(number).scaleb(-2), date(2026, 1, 1))


@pytest.mark.parametrize("file_format", FileFormat)
def test_many_rows_take_no_more_memory_than_few(file_format: FileFormat) -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        with tempfile.TemporaryFile() as file:
            write_table(file, file_format=file_format, header=HEADER, rows=many(count))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(6_000) < peak(1_000) * 1.2


def test_a_large_file_is_sent_from_disk() -> None:
    response = table_response(
        name="many", file_format=FileFormat.CSV, header=HEADER, rows=many(30_000)
    )
    content = b"".join(response)
    assert response.streaming
    assert len(content) > MOST_IN_MEMORY
    assert content.decode("utf-8-sig").count("\r\n") == 30_001
