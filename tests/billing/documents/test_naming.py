"""Documents name everybody: every living script is printed, and no two names look the same."""

import io
import logging
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.ttLib import TTFont
from pypdf import PdfReader

from accounts.models import Provider
from billing.documents import rendering
from billing.documents.credit_note import credit_note_html
from billing.documents.fonts import FONTS
from billing.documents.invoice_pdf import invoice_html, invoice_pdf
from billing.documents.make_fallback_fonts import SHARED
from billing.documents.naming import look_of, names_to_number
from billing.documents.text_fitting import MISSING, printable
from billing.models import CreditNote
from core.schema import provider_schema
from tests.billing.golden_documents import folder
from tests.billing.invoice_contents import UNUSUAL_NAMES, invoice_with, issued

# By the font that prints it.
NAMES = {
    "Armenian": "Հայկական ՍՊԸ",
    "Bengali": "বাংলা কোম্পানি লিমিটেড",
    "CanadianAboriginal": "ᐃᓄᒃᑎᑐᑦ",
    "Cherokee": "ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ",
    "Emoji": "Rocket 🚀",
    "Ethiopic": "የኢትዮጵያ ኩባንያ",
    "Georgian": "ქართული მაგალითი",
    "Gujarati": "ગુજરાતી કંપની",
    "Gurmukhi": "ਪੰਜਾਬੀ ਕੰਪਨੀ",
    "Han": "𠮷野家 龘鱻",
    "Kannada": "ಕನ್ನಡ ಸಂಸ್ಥೆ",
    "Khmer": "ខ្មែរ ក្រុមហ៊ុន",
    "Lao": "ລາວ ບໍລິສັດ",
    "Malayalam": "മലയാളം കമ്പനി",
    "Math": "𝓐𝓬𝓶𝓮",
    "Myanmar": "မြန်မာ ကုမ္ပဏီ",
    "NKo": "ߒߞߏ",
    "Oriya": "ଓଡ଼ିଆ କମ୍ପାନୀ",
    "Sinhala": "සිංහල සමාගම",
    "Syriac": "ܣܘܪܝܝܐ",
    "Tamil": "தமிழ் நிறுவனம்",
    "Telugu": "తెలుగు సంస్థ",
    "Thaana": "ދިވެހި",
    "Tibetan": "བོད་ཡིག",
    "Tifinagh": "ⵜⵉⴼⵉⵏⴰⵖ",
    "Yi": "ꆈꌠꁱꂷ",
}
EARLIER = (
    *("Ελληνική Εταιρεία", "Русская Компания", "देवनागरी प्राइवेट लिमिटेड", "บริษัท ตัวอย่าง จำกัด"),
    *UNUSUAL_NAMES,
)
CUNEIFORM = ("\U00012000\U00012001 Ltd", "\U00012002\U00012003 Ltd")


def named(*names: str, people: bool = False) -> str:
    """The page of an invoice with a line for each name."""
    invoice, lines = invoice_with(count=len(names), names=())
    for line, name in zip(lines, names, strict=True):
        line.organization_name = name
        if people and line.peak_event_id:
            line.peak_actor_name = name
    return invoice_html(invoice=invoice, lines=lines)


def test_every_living_script_is_printed_with_its_font(caplog: pytest.LogCaptureFixture) -> None:
    names = (*NAMES.values(), *EARLIER)
    assert not [name for name in names if MISSING in printable(name)]
    invoice, lines = invoice_with(count=len(names), names=())
    for line, name in zip(lines, names, strict=True):
        line.organization_name = name
    with caplog.at_level(logging.WARNING):
        content = invoice_pdf(invoice=invoice, lines=lines)
    assert ".notdef" not in caplog.text
    embedded = {
        str(font.get_object()["/BaseFont"]).partition("+")[2]
        for page in PdfReader(io.BytesIO(content)).pages
        for font in page["/Resources"]["/Font"].values()
    }
    assert {f"Fallback-{name}" for name in NAMES} <= embedded
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
    for whole in (NAMES["Georgian"], NAMES["Armenian"], NAMES["Cherokee"], NAMES["Han"]):
        assert whole in text


def test_the_renderer_confuses_no_two_fonts() -> None:
    """It keeps a font by its name: two of one name would print each other's letters."""
    called = [TTFont(path, lazy=True)["name"].getDebugName(4) for path in FONTS.glob("*.[to]tf")]
    assert len(called) == len(set(called))
    invoice, lines = invoice_with(count=41, names=())
    lines[0].organization_name = "Příbram Žilina Łódź s.r.o."
    pages = PdfReader(io.BytesIO(invoice_pdf(invoice=invoice, lines=lines))).pages
    embedded = pages[1]["/Resources"]["/Font"].values()
    names = {str(font.get_object()["/BaseFont"]) for font in embedded}
    assert len([name for name in names if "Inconsolata" in name]) == 2


def test_no_character_is_in_the_fallback_and_in_another_font() -> None:
    seen: set[int] = set()
    for path in sorted(FONTS.glob("*.[to]tf"), key=lambda path: path.name.startswith("Fallback")):
        with TTFont(path, lazy=True) as font:
            characters = set(font.getBestCmap())
        if path.name.startswith("Fallback"):
            assert not (characters & seen) - SHARED, path.name
        seen |= characters


@pytest.fixture
def without_fallback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for path in FONTS.iterdir():
        if not path.name.startswith("Fallback"):
            (tmp_path / path.name).symlink_to(path)
    monkeypatch.setattr(rendering, "FONTS", tmp_path)
    caches = (rendering.font_configuration, rendering.stylesheet)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def earlier_documents() -> list[bytes]:
    pages = [path.read_text("utf-8") for path in sorted(folder().glob("*.html"))]
    return [rendering.pdf_of(html=page, identifier="x") for page in (*pages, named(*EARLIER))]


@pytest.fixture
def with_fallback() -> list[bytes]:
    return earlier_documents()


def test_documents_in_the_earlier_scripts_keep_their_bytes(
    with_fallback: list[bytes], without_fallback: None
) -> None:
    assert earlier_documents() == with_fallback


def test_a_name_that_no_font_has_is_printed_with_its_number() -> None:
    html = named("Acme", *CUNEIFORM)
    assert f"{MISSING * 2} Ltd (no. 2)" in html
    assert f"{MISSING * 2} Ltd (no. 3)" in html
    assert "Acme (no." not in html


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme GmbH", "Αсmе GmbH"),
        ("ΝΙΚΟΣ", "NIKOΣ"),
        ("ВЕКТОР", "BEKTOP"),
        ("Ävar Ӓ", "Ӓvar Ä"),
        ("Contoso AI", "Contoso Al"),
        ("ロ商店", "口商店"),
        ("شركة يى", "شركة یی"),
        ("שלום 12", "12 שלום"),
        ("Acme\u200b Ltd", "Acme Ltd"),
        ("葛\U000e0100", "葛"),
        ("Acme  Ltd", "Acme Ltd"),
        ("Z" + "\u0301" * 5, "Z" + "\u0301" * 6),
        ("x" * 119 + "yz", "x" * 119 + "zz"),
    ],
)
def test_two_names_that_print_alike_get_numbers(one: str, other: str) -> None:
    assert names_to_number([one, other, "Third"]) == {one, other}
    html = named(one, other, "Third")
    assert html.count("(no. 1)") == html.count("(no. 2)") == 1
    assert "(no. 3)" not in html


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Location 3", "Location 7"),
        ("Org 0016", "Org 0010"),
        ("Try", "Tru"),
        ("nova", "vona"),
        ("Σ", "C"),
        ("株式会社一", "株式会社二"),
        ("Müller", "Muller"),
        ("شركة ا", "شركة ب"),
    ],
)
def test_names_that_differ_in_print_get_none(one: str, other: str) -> None:
    assert not names_to_number([one, other])


def test_one_name_of_two_organizations_stays_as_it_is() -> None:
    assert "(no." not in named("Acme", "Acme")


def test_a_long_annex_numbers_what_its_columns_cut() -> None:
    long = "A company with a very long name indeed"
    foreign = "株式会社サンプル東京とても長い名前の会社"
    names = (f"{long}, North", f"{long}, South", f"{foreign}一", f"{foreign}二", *CUNEIFORM)
    names += ("Acme GmbH", "Αсmе GmbH", f"А{long[1:]}, with a Cyrillic A")
    others = tuple(f"Organization {number}" for number in range(40))
    html = named(*names, *others, people=True)
    assert "A company with a very long … (no. 1)" in html
    assert "A company with a very long … (no. 2)" in html
    assert f"<b>(no. 3) {foreign}一</b>" in html
    assert f"<b>(no. 4) {foreign}二</b>" in html
    assert f"{MISSING * 2} Ltd (no. 5)" in html
    assert "Acme GmbH (no. 7)" in html
    assert "<b>(no. 8) Αсmе GmbH</b>" in html
    assert "Acme Gm… (event 1007)" in html
    assert "<i>(event 1008) Αсmе GmbH</i>" in html
    assert f"<b>(no. 9) А{long[1:]}, with a Cyrillic A</b>" in html
    assert "(no. 10)" not in html


def test_people_whose_names_look_alike_have_the_number_of_the_event() -> None:
    html = named("Ann Lee", "Аnn Lее", people=True)
    assert "by Ann Lee (event 1001)" in html
    assert "by Аnn Lее (event 1002)" in html
    assert "event" not in named("Ann Lee", "Bo Diaz", people=True)


def test_a_customer_whom_no_font_can_name_has_its_prefix() -> None:
    invoice, lines = invoice_with(count=1, buyer={"name": CUNEIFORM[0]})
    assert f"{MISSING * 2} Ltd (no. NORTH)" in invoice_html(invoice=invoice, lines=lines)
    invoice, lines = invoice_with(count=1)
    assert "(no. NORTH)" not in invoice_html(invoice=invoice, lines=lines)


def test_a_credit_note_numbers_them_too(north: Provider) -> None:
    with provider_schema(north):
        invoice = issued(count=1)
        note = CreditNote.objects.create(
            number="NORTH-000007-CN",
            invoice=invoice,
            currency="USD",
            subtotal_minor=100,
            tax_rate=0,
            tax_minor=0,
            total_minor=100,
            reason="Goodwill",
            issued_at=invoice.issued_at,
            billing_time_zone="UTC",
            seller={},
            buyer={"name": CUNEIFORM[0]},
        )
        described = (f"{CUNEIFORM[0]}: users", f"{CUNEIFORM[1]}: users", "Acme: users", "Goodwill")
        for position, description in enumerate(described, start=1):
            note.lines.create(
                position=position,
                description=description,
                amount_minor=25,
                organization_id=None if description == "Goodwill" else position,
            )
        html = credit_note_html(note)
    assert f"{MISSING * 2} Ltd: users (no. 1)" in html
    assert f"{MISSING * 2} Ltd: users (no. 2)" in html
    assert f"{MISSING * 2} Ltd (no. NORTH)" in html
    assert "Acme: users<" in html


SLOW = ("Fallback-Han", "Fallback-Emoji", "Fallback-Symbols2")


def drawings(path: Path, seen: set[int]) -> Iterator[tuple[str, str]]:
    with TTFont(path, lazy=True) as font:
        glyphs = font.getGlyphSet()
        for code, glyph in font.getBestCmap().items():
            if code not in seen:
                seen.add(code)
                pen = DecomposingRecordingPen(glyphs)
                glyphs[glyph].draw(pen)
                if pen.value:
                    yield f"{glyphs[glyph].width} {pen.value}", chr(code)


def test_characters_with_one_drawing_have_one_look() -> None:
    """In every font but those of Han, Hangul and pictures, whose drawings take half a minute."""
    seen: set[int] = set()
    by_drawing: defaultdict[str, set[str]] = defaultdict(set)
    first = ("Inter-Regular.ttf", *(f"NotoSans{name}-Regular.ttf" for name in ("Arabic", "Hebrew")))
    rest = [path.name for path in sorted(FONTS.glob("Fallback-*")) if path.stem not in SLOW]
    for name in (*first, *rest):
        for drawing, character in drawings(FONTS / name, seen):
            # Inter has its own forms in the private area, which no name has.
            if unicodedata.category(character) not in {"Co", "Cf", "Zs"}:
                by_drawing[drawing].add(character)
    alike = [group for group in by_drawing.values() if len(group) > 1]
    assert len(alike) > 100
    assert not [group for group in alike if len({look_of(character) for character in group}) > 1]
