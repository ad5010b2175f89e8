"""Finding the columns of a file by their titles and by their values."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

from core.csv_files import read_cell

# A property of a directory in a title of a template, such as "[userPrincipalName]".
_PROPERTY = re.compile(r"\[([a-z][A-Za-z.]+)\]")
_REMARKS = re.compile(r"\[.*?\]|\(.*?\)")


class Header:
    """The header of a file, searched by plain titles."""

    def __init__(self, titles: Sequence[str]) -> None:
        self.titles = titles
        self._secrets = frozenset(self.secrets())
        self._positions: dict[str, list[int]] = {}
        for position, title in enumerate(titles):
            for name in {plain_name(title), property_name(title)} - {""}:
                self._positions.setdefault(name, []).append(position)

    @property
    def names(self) -> set[str]:
        """The plain titles and the properties of the file."""
        return set(self._positions)

    def find(self, names: Sequence[str]) -> tuple[int, ...]:
        """The positions of those of these columns that the file has, in the order of `names`.

        Of columns with one title the first is taken; columns with passwords never.
        """
        found = (self._positions[name][0] for name in names if name in self._positions)
        return tuple(each for each in dict.fromkeys(found) if each not in self._secrets)

    def fields(
        self, names: Mapping[str, Sequence[str]], *, chosen: Mapping[str, str]
    ) -> dict[str, tuple[int, ...]]:
        """The positions of each field's columns: the one that a person chose, else by titles."""
        return {field: self.chosen(chosen, field) or self.find(names[field]) for field in names}

    def chosen(self, chosen: Mapping[str, str], field: str) -> tuple[int, ...]:
        """The position of the column that a person chose for the field, if the file has it."""
        title = chosen.get(field)
        if not title or title not in self.titles:
            return ()
        position = self.titles.index(title)
        return () if position in self._secrets else (position,)

    def matching(self, is_meant: Callable[[str], bool]) -> tuple[int, ...]:
        """The positions of the columns whose plain title is meant."""
        return tuple(
            position for position, title in enumerate(self.titles) if is_meant(plain_name(title))
        )

    def secrets(self) -> tuple[int, ...]:
        """The positions of columns with passwords, in any language."""
        return tuple(
            position
            for position, title in enumerate(self.titles)
            if is_secret(plain_name(title)) or is_secret(property_name(title))
        )

    def source(self, sources: Sequence[tuple[str, frozenset[str]]]) -> str:
        """The first source whose columns are all in the file, or an empty text."""
        return next((name for name, columns in sources if columns <= set(self._positions)), "")

    def no_column(self, missing: str) -> str:
        """The message about a missing required column."""
        titles = ", ".join(f"“{_printable(title)}”" for title in self.titles[:8] if title)
        return f"No column {missing} was found. The file’s columns are {titles}."


def is_secret(name: str) -> bool:
    """Whether a plain title is of a column with passwords."""
    return bool(_SECRET.search(name)) and not _ABOUT_SECRETS.search(name)


def first_filled(cells: Sequence[str], positions: Sequence[int]) -> str:
    """The first of these cells that is not blank, without blanks around; or an empty text."""
    for position in positions:
        if position < len(cells) and (cell := cells[position].strip()):
            return read_cell(cell)
    return ""


def plain_name(title: str) -> str:
    """The title in lower case without accents, punctuation, and remarks such as "[Required]"."""
    plain = unicodedata.normalize("NFKD", _REMARKS.sub("", title).casefold())
    return re.sub(r"[\W_]", "", plain.replace("ł", "l").replace("ı", "i"))


def property_name(title: str) -> str:
    """The property of a directory that a title names in brackets, as a plain name, or empty."""
    found = _PROPERTY.search(title)
    return plain_name(found[1]) if found else ""


def _printable(title: str) -> str:
    return "".join(filter(str.isprintable, title))[:40]


_PASSWORDS = (
    "password passwd passphrase passwort kennwort motdepasse contraseña palavrapasse senha "
    "wachtwoord hasło heslo jelszo parola salasana lösenord adgangskode kodeord passord lozinka "
    "geslo slaptažodis parool şifre пароль парола κωδικόςπρόσβασης パスワード 密码 密碼 비밀번호 "
    "암호 סיסמה كلمةالمرور كلمةالسر"
)
_SECRET = re.compile("|".join(map(plain_name, _PASSWORDS.split())))
# Facts about a password, which are no secret.
_ABOUT_SECRETS = re.compile(
    "neverexpires|strongpassword|passwordchange|changepassword|passwordexpire|passwordlastset"
    "|lastpassword|hashfunction|passwordpolic|passwordnotrequired|badpassword"
)
