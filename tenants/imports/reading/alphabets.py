"""The code pages in which programs save text, with the letters of the languages that use them."""

from collections.abc import Callable
from dataclasses import dataclass

_WESTERN = (
    "äöüß",  # German
    "àâæçéèêëîïôœùûüÿ",  # French
    "áéíñóúüçªº",  # Spanish
    "àèéìîòóù",  # Italian
    "áâãàçéêíóôõúü",  # Portuguese
    "áéëïíóöüèêâ",  # Dutch
    "åæøéöäü",  # Danish, Norwegian
    "åäöéü",  # Swedish, Finnish
    "áðéíóúýþæö",  # Icelandic
    "àçéèíïóòúü·",  # Catalan
)
_CENTRAL = (
    "ąćęłńóśźż",  # Polish
    "áčďéěíňóřšťúůýž",  # Czech
    "áäčďéíĺľňóôŕšťúýž",  # Slovak
    "áéíóöőúüű",  # Hungarian
    "ăâîşţșț",  # Romanian
    "čćđšž",  # Croatian, Slovene
    "äöüß",
)
_CYRILLIC = (
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",  # Russian, Bulgarian
    "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",  # Ukrainian
    "абвгдеёжзійклмнопрстуўфхцчшыьэюя",  # Belarusian
    "абвгдђежзијклљмнњопрстћуфхцчџш",  # Serbian
)
_GREEK = ("αάβγδεέζηήθιίϊΐκλμνξοόπρσςτυύϋΰφχψωώ",)
_TURKISH = ("çğıöşüâîûi\u0307",)
_BALTIC = ("ąčęėįšųūž", "āčēģīķļņšūž", "äöüõšž")
_HEBREW = ("אבגדהוזחטיכךלמםנןסעפףצץקרשת",)
_ARABIC = ("ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءآأؤإئپچژگکی",)


@dataclass(frozen=True, slots=True)
class CodePage:
    """An encoding: its name for people, Python's codec, and its letters by language.

    Words of scripts that are not Latin have no ASCII letter. Without letters, `is_usual` says
    whether a character is one that names are written with.
    """

    name: str
    codec: str
    alphabets: tuple[str, ...] = ()
    is_latin: bool = True
    is_usual: Callable[[str], bool] = str.isalpha


def _in_codec(codec: str, first: str) -> Callable[[str], bool]:
    def is_usual(character: str) -> bool:
        try:
            character.encode(codec)
        except UnicodeEncodeError:
            return False
        return character >= first and not "\uff00" <= character < "\ufff0"

    return is_usual


# The likelier first: of two that explain a file equally well, the first is taken. Hebrew has no
# letters where Cyrillic has its capitals, and Korean fewer than Chinese: so they go before.
CODE_PAGES = (
    CodePage("Windows-1252", "cp1252", _WESTERN),
    CodePage("Windows-1250", "cp1250", _CENTRAL),
    CodePage("Mac OS Roman", "mac_roman", _WESTERN),
    CodePage("ISO-8859-2", "iso8859_2", _CENTRAL),
    CodePage("Windows-1254", "cp1254", _TURKISH),
    CodePage("Windows-1257", "cp1257", _BALTIC),
    CodePage("DOS 850", "cp850", _WESTERN),
    CodePage("Mac Central European", "mac_latin2", _CENTRAL),
    CodePage("Windows-1255", "cp1255", _HEBREW, is_latin=False),
    CodePage("Windows-1251", "cp1251", _CYRILLIC, is_latin=False),
    CodePage("KOI8-R", "koi8_r", _CYRILLIC, is_latin=False),
    CodePage("Windows-1253", "cp1253", _GREEK, is_latin=False),
    CodePage("Windows-1256", "cp1256", _ARABIC, is_latin=False),
    CodePage("EUC-KR", "euc_kr", is_usual=_in_codec("euc_kr", "\uac00")),
    CodePage("Shift JIS", "cp932", is_usual=_in_codec("shift_jis", "\u3040")),
    CodePage("GB18030", "gb18030", is_usual=_in_codec("gb2312", "\u4e00")),
    CodePage("Big5", "big5", is_usual=_in_codec("big5", "\u4e00")),
)
