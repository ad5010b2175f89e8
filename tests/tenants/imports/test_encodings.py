"""Encodings without a mark: recognized by the letters of a language, or asked about."""

import pytest

from tenants.imports.file_reading import Table, read_table
from tenants.imports.reading.encodings import encoding_of
from tenants.imports.reading.options import Doubt, DoubtKind, ReadingOptions
from tenants.imports.reading.records import NotReadable

GERMAN = ("Zoë Müller", "Bo Weiß", "Jörg Größe", "MÜLLER")
FRENCH = ("Hélène Gagnère", "François Lefèvre", "Éric Noël")
SPANISH = ("José Muñoz", "Íñigo Peña", "García López")
POLISH = ("Łukasz Wiśniewski", "Małgorzata Zając", "Żaneta Dąbrowska")
CZECH = ("Jiří Dvořák", "Václav Černý", "Lukáš Růžička")
HUNGARIAN = ("Győző Szűcs", "Kovács Béla", "Őri Ágnes")
TURKISH = ("Gökçe Şahin", "Yıldız Işık", "Çağlar")
RUSSIAN = ("Иванов Иван", "Пётр Сидоров")
READ = [
    (GERMAN, "cp1252", "Windows-1252"),
    (GERMAN, "cp1250", "Windows-1252"),
    (GERMAN, "mac_roman", "Mac OS Roman"),
    (GERMAN, "cp850", "DOS 850"),
    (FRENCH, "cp1252", "Windows-1252"),
    (FRENCH, "mac_roman", "Mac OS Roman"),
    (SPANISH, "cp1252", "Windows-1252"),
    (SPANISH, "mac_roman", "Mac OS Roman"),
    (("Ana García",), "mac_roman", "Mac OS Roman"),
    (("Pat O’Brien", "Lou D’Angelo"), "cp1252", "Windows-1252"),
    (("Pat O’Brien", "Lou D’Angelo"), "mac_roman", "Mac OS Roman"),
    (("Søren Kjærgaard", "Åse Bjørn"), "cp1252", "Windows-1252"),
    (("Þórður Guðmundsson", "Sæþór"), "cp1252", "Windows-1252"),
    (POLISH, "cp1250", "Windows-1250"),
    (POLISH, "iso8859_2", "ISO-8859-2"),
    (POLISH, "mac_latin2", "Mac Central European"),
    (CZECH, "cp1250", "Windows-1250"),
    (CZECH, "iso8859_2", "ISO-8859-2"),
    (HUNGARIAN, "cp1250", "Windows-1250"),
    (TURKISH, "cp1254", "Windows-1254"),
    (("Žydrūnas Jonaitis", "Agnė Šimkutė"), "cp1257", "Windows-1257"),
    (RUSSIAN, "cp1251", "Windows-1251"),
    (RUSSIAN, "koi8_r", "KOI8-R"),
    (("Γιώργος Παπαδόπουλος", "Ελένη"), "cp1253", "Windows-1253"),
    (("דוד כהן", "שרה לוי"), "cp1255", "Windows-1255"),
    (("محمد علي", "فاطمة"), "cp1256", "Windows-1256"),
    (("山田太郎", "鈴木 一郎"), "cp932", "Shift JIS"),
    (("王小明", "李雷"), "gb18030", "GB18030"),
    (("陳大文", "張三"), "big5", "Big5"),
    (("김철수", "이영희"), "euc_kr", "EUC-KR"),
]


def file_of(names: tuple[str, ...]) -> str:
    """A file with these names."""
    lines = [f"u{number}@acme.example;{name}" for number, name in enumerate(names)]
    return "\n".join(["Email;Name", *lines, ""])


def names_of(table: Table) -> tuple[str, ...]:
    return tuple(cells[1] for _, cells in table.lines())


def one_doubt(content: bytes) -> Doubt:
    (doubt,) = read_table(content).doubts
    return doubt


@pytest.mark.parametrize(("names", "codec", "name"), READ, ids=lambda value: str(value)[:20])
def test_code_pages_are_recognized(names: tuple[str, ...], codec: str, name: str) -> None:
    table = read_table(file_of(names).encode(codec))
    assert names_of(table) == names
    assert table.encoding == name


def test_an_open_question_has_its_alternatives_with_examples() -> None:
    content = file_of(("Hélène Martin",)).encode("cp1252")
    doubt = one_doubt(content)
    assert (doubt.kind, doubt.must_ask) == (DoubtKind.ENCODING, False)
    assert dict(zip(doubt.alternatives, doubt.examples, strict=True))["Windows-1250"] == "Hélčne"
    assert encoding_of(content).sureness < 0.25
    chosen = read_table(content, ReadingOptions(encoding="Windows-1250"))
    assert (names_of(chosen), chosen.doubts) == (("Hélčne Martin",), ())
    assert encoding_of(file_of(FRENCH).encode("cp1252")).sureness == 1


def test_an_unusual_code_page_with_a_rival_must_be_asked_about() -> None:
    doubt = one_doubt(file_of(("João Conceição",)).encode("mac_roman"))
    assert (doubt.must_ask, doubt.alternatives[0]) == (True, "Mac OS Roman")


def test_names_of_several_languages_make_no_unusual_code_page_certain() -> None:
    """Only “Sørensen” differs: Danish in one page, Czech in the other, with the accents beside."""
    content = file_of(("Pál Kiss", "Núria Lee", "Jón Ito", "Bo Sørensen")).encode("cp1252")
    doubt = one_doubt(content)
    assert (doubt.must_ask, doubt.alternatives[:2]) == (True, ("Windows-1250", "Windows-1252"))
    assert doubt.examples[:2] == ("Sřrensen", "Sørensen")
    baltic = one_doubt(file_of(("Zoë Weiß", "Bo Sørensen")).encode("cp1252"))
    assert (baltic.must_ask, baltic.examples[:2]) == (True, ("Zoė", "Zoë"))
    mixed = ("Pál Kiss", "Bo Sørensen", "bo SøreNSEN")
    assert one_doubt(file_of(mixed).encode("cp1252")).must_ask
    assert one_doubt(file_of(("Bo kØrekORt",)).encode("cp1252")).must_ask
    czech = file_of(("Jiří Dvořák", "Lukáš Němec", "Žofie Králová", "Eva Nová")).encode("cp1250")
    assert read_table(czech).doubts == ()


def test_a_space_that_does_not_break_is_no_letter_of_another_page() -> None:
    table = read_table("Email\nann@acme.example\xa0\n".encode("cp1252"))
    assert (table.encoding, table.doubts) == ("Windows-1252", ())
    assert list(table.lines()) == [(2, ["ann@acme.example\xa0"])]


def test_a_chosen_encoding_that_does_not_fit_is_refused() -> None:
    content = b"Email\n\x81\x8d@acme.example"
    with pytest.raises(NotReadable, match="not text in Windows-1252: byte 7 "):
        read_table(content, ReadingOptions(encoding="Windows-1252"))


def test_lines_with_foreign_bytes_in_a_file_in_utf_8_are_named_and_read() -> None:
    lines = file_of(("Zoë Müller", "Łucja", "Ann")).encode()
    lines += b'"c@acme.example";"J\xfcrgen\nGr\xf6\xdfe"\nd@acme.example;Ann\n'
    table = read_table(lines)
    assert (table.encoding, names_of(table)[3]) == ("UTF-8", "Jürgen\nGröße")
    (doubt,) = table.doubts
    assert (doubt.kind, doubt.lines) == (DoubtKind.FOREIGN_BYTES, (5,))
    assert "line 5 not" in doubt.text
    assert doubt.alternatives == ("UTF-8", "Windows-1252")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-16"])
def test_utf_16_is_recognized_without_a_mark(codec: str) -> None:
    names = ("Zoë Müller", "李雷李雷", "Āda")
    table = read_table(file_of(names).encode(codec))
    assert (table.encoding, names_of(table)) == ("UTF-16", names)


def test_the_encoding_of_titles_counts_too() -> None:
    content = "E-Mail;Größe;Name\na@acme.example;1;Ann\n".encode("mac_roman")
    assert read_table(content).header[1] == "Größe"
