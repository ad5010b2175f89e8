"""Each tool's files: recognized, and each line read by the tool's own words (decision 0050)."""

import pytest

from tenants.imports.file_reading import read_table
from tenants.imports.kinds import Columns, ImportLine, import_kind
from tenants.imports.reading.options import Category, DoubtKind, ReadingOptions
from tenants.imports.reading.records import NotReadable
from tests.tenants import directory_files as files

ACTIVE, SUSPENDED = "active", "suspended"
COUNTED, LEFT, NOT_YET, GUEST = "counted", "left", "not_yet", "guest"
SHARED, UNLICENSED, SERVICE = "shared_mailbox", "unlicensed", "service_account"

# The source and, line by line: address, state, category.
MATRIX = {
    "Microsoft 365 admin center": (
        files.M365,
        [
            ("ada.example@acme.example", ACTIVE, COUNTED),
            ("lou@acme.example", SUSPENDED, COUNTED),
            ("desk@acme.example", SUSPENDED, SHARED),
            ("reception@acme.example", SUSPENDED, SHARED),
            ("gwen@partner.example", ACTIVE, GUEST),
            ("dan@acme.example", ACTIVE, LEFT),
            ("nora@acme.example", ACTIVE, UNLICENSED),
            ("ada.example@acme.example", ACTIVE, UNLICENSED),
        ],
    ),
    "Microsoft Entra": (
        files.ENTRA,
        [
            ("ann@acme.example", ACTIVE, COUNTED),
            ("bo@acme.example", SUSPENDED, COUNTED),
            ("gwen@partner.example", ACTIVE, GUEST),
            ("ann.admin@acme.onmicrosoft.example", ACTIVE, COUNTED),
        ],
    ),
    "Microsoft Entra bulk template": (
        files.ENTRA_TEMPLATE,
        [("ann@acme.example", ACTIVE, COUNTED), ("bo@acme.example", SUSPENDED, COUNTED)],
    ),
    "Google Workspace": (
        files.GOOGLE,
        [
            ("ann.lee@acme.example", ACTIVE, COUNTED),
            ("bo@acme.example", SUSPENDED, COUNTED),
            ("cy@acme.example", SUSPENDED, COUNTED),
        ],
    ),
    "Google Workspace (GAM)": (
        files.GAM,
        [
            ("ann@acme.example", ACTIVE, COUNTED),
            ("bo@acme.example", SUSPENDED, COUNTED),
            ("cy@acme.example", SUSPENDED, COUNTED),
            ("de@acme.example", SUSPENDED, LEFT),
        ],
    ),
    "JumpCloud portal list": (
        files.JUMPCLOUD_LIST,
        [
            ("ann@acme.example", ACTIVE, COUNTED),
            ("bo@acme.example", SUSPENDED, COUNTED),
            ("cy@acme.example", ACTIVE, NOT_YET),
        ],
    ),
    "JumpCloud": (
        files.JUMPCLOUD,
        [
            ("ann@acme.example", ACTIVE, COUNTED),
            ("bo@acme.example", SUSPENDED, COUNTED),
            ("cy@acme.example", ACTIVE, NOT_YET),
            ("lo@acme.example", SUSPENDED, COUNTED),
            ("pat@acme.example", ACTIVE, NOT_YET),
        ],
    ),
    "Okta (Rockstar)": (
        files.OKTA,
        [
            ("ann.lee@acme.example", ACTIVE, COUNTED),
            ("bo@acme.example", SUSPENDED, COUNTED),
            ("cy@acme.example", ACTIVE, LEFT),
            ("di@acme.example", SUSPENDED, COUNTED),
            ("ed@acme.example", ACTIVE, NOT_YET),
            ("fi@acme.example", ACTIVE, NOT_YET),
            ("gus@acme.example", ACTIVE, COUNTED),
        ],
    ),
    "Okta (API)": (
        files.OKTA_API,
        [("ann@acme.example", ACTIVE, COUNTED), ("cy@acme.example", ACTIVE, LEFT)],
    ),
    "Okta": (
        files.OKTA_CONSOLE,
        [
            ("ann@acme.example", ACTIVE, COUNTED),
            ("cy@acme.example", ACTIVE, LEFT),
            ("di@acme.example", SUSPENDED, COUNTED),
            ("ed@acme.example", ACTIVE, NOT_YET),
        ],
    ),
    "Microsoft Graph PowerShell": (
        files.POWERSHELL,
        [("ann@acme.example", ACTIVE, COUNTED), ("bo@acme.example", SUSPENDED, COUNTED)],
    ),
    "Active Directory": (
        files.ACTIVE_DIRECTORY,
        [
            ("ann@acme.example", ACTIVE, COUNTED),
            ("bo@acme.example", SUSPENDED, COUNTED),
            ("sync@acme.example", ACTIVE, SERVICE),
        ],
    ),
}


def read(
    text: str | bytes, options: ReadingOptions | None = None
) -> tuple[Columns, list[ImportLine]]:
    """The columns and lines of a file of users."""
    options = options or ReadingOptions()
    table = read_table(text.encode() if isinstance(text, str) else text, options)
    users = import_kind("users")
    columns = users.columns_of(table=table, options=options)
    lines = [
        users.read_line(number=number, cells=cells, columns=columns)
        for number, cells in table.lines()
    ]
    return columns, lines


def one_word(column: str, word: str) -> ImportLine:
    """The line of a person with this word in this column, beside one active person."""
    _, lines = read(f"Email,{column}\nann@acme.example,{word}")
    return lines[0]


@pytest.mark.parametrize("source", MATRIX)
def test_each_tools_states_are_read(source: str) -> None:
    text, expected = MATRIX[source]
    columns, lines = read(text)
    assert columns.source == source
    assert [(line.key, str(line.state), str(line.category)) for line in lines] == expected
    assert not columns.doubts
    assert not columns.doubts_of_lines()


@pytest.mark.parametrize("source", MATRIX)
def test_each_reason_is_in_the_tools_own_words(source: str) -> None:
    text, expected = MATRIX[source]
    _, lines = read(text)
    usual = (ACTIVE, COUNTED)
    for line, (_, state, category) in zip(lines, expected, strict=True):
        assert bool(line.word) == ((state, category) != usual)
        shown = line.word.rpartition(": ")[2].partition(", ")[0].removesuffix("…")
        assert shown.lower() in text.lower()


def test_the_word_names_the_column_of_a_bare_yes_or_date() -> None:
    words = {line.key: line.word for line in read(files.M365)[1]}
    assert words["lou@acme.example"] == "Block credential: True"
    assert words["dan@acme.example"] == "Soft deletion time stamp: 2026-11-12 08:00:00Z"
    assert {line.word for line in read(files.OKTA)[1]} >= {"DEPROVISIONED", "LOCKED_OUT", "STAGED"}


def test_ids_of_directories_are_kept() -> None:
    assert [line.external_id for line in read(files.OKTA)[1]][:2] == ["00u1", "00u2"]
    assert read(files.GAM)[1][0].external_id == "123456789012345678901"
    ad = read(files.ACTIVE_DIRECTORY)[1][0].external_id
    assert ad == "ad:7d5d2a3e-0000-4000-8000-00000000000a", "not the id of the Entra account"


@pytest.mark.parametrize(
    ("yes", "no"),
    [
        ("TRUE", "FALSE"),
        ("WAHR", "FALSCH"),
        ("VRAI", "FAUX"),
        ("VERDADERO", "FALSO"),
        ("VERO", "FALSO"),
        ("WAAR", "ONWAAR"),
        ("VERDADEIRO", "FALSO"),
        ("PRAWDA", "FAŁSZ"),
        ("SANT", "FALSKT"),
        ("TOSI", "EPÄTOSI"),
        ("IGAZ", "HAMIS"),
        ("DOĞRU", "YANLIŞ"),
        ("ИСТИНА", "ЛОЖЬ"),
        ("Sí", "No"),
        ("Ja", "Nein"),
        ("1", "0"),
    ],
)
def test_yes_and_no_are_read_in_the_languages_of_excel(yes: str, no: str) -> None:
    _, lines = read(f"Email,Block credential\na@acme.example,{yes}\nb@acme.example,{no}")
    assert [line.state for line in lines] == [SUSPENDED, ACTIVE]
    _, lines = read(f"Email,Account enabled\na@acme.example,{yes}\nb@acme.example,{no}")
    assert [line.state for line in lines] == [ACTIVE, SUSPENDED]


@pytest.mark.parametrize(
    ("titles", "name"),
    [
        ("Anmeldeinformationen blockieren;Anzeigename;Benutzerprinzipalname", "Ann Lee"),
        (
            "Bloquer les informations d’identification;Nom d’affichage;Nom d'utilisateur principal",
            "Ann Lee",
        ),
        ("Bloquear credencial;Nombre para mostrar;Nombre principal de usuario", "Ann Lee"),
        ("Blocca credenziali;Nome visualizzato;Nome principale utente", "Ann Lee"),
        ("Referenties blokkeren;Weergavenaam;User principal name", "Ann Lee"),
        ("Bloquear credencial;Nome de exibição;Nome principal do usuário", "Ann Lee"),
        ("Zablokuj poświadczenia;Nazwa wyświetlana;Główna nazwa użytkownika", "Ann Lee"),
    ],
)
@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_titles_in_other_languages_are_recognized(titles: str, name: str, codec: str) -> None:
    text = f"{titles}\nWAHR;Ann Lee;ann@acme.example\n"
    columns, (line,) = read(text.encode(codec))
    assert columns.source == "Microsoft 365 admin center"
    assert (line.key, line.name, str(line.state)) == ("ann@acme.example", name, SUSPENDED)


@pytest.mark.parametrize(
    "titles",
    [
        "E-Mail-Adresse;Vorname;Name",
        "E-Mail-Adresse;Vorname;Nachname",
        "Adresse e-mail;Prénom;Nom",
        "Correo electrónico;Nombre;Apellidos",
        "Indirizzo e-mail;Nome;Cognome",
        "E-mailadres;Voornaam;Achternaam",
        "Endereço de e-mail;Nome;Sobrenome",
        "Adres e-mail;Imię;Nazwisko",
        "Email;First name;Last name",
    ],
)
def test_first_and_last_names_are_found_by_their_titles(titles: str) -> None:
    assert read(f"{titles}\nann@acme.example;Ann;Lee")[1][0].name == "Ann Lee"


@pytest.mark.parametrize(
    ("word", "category", "state"),
    [
        ("Deleted", LEFT, ACTIVE),
        ("Terminated", LEFT, ACTIVE),
        ("archived for good", LEFT, ACTIVE),
        ("Ausgeschieden", LEFT, ACTIVE),
        ("Archived", COUNTED, SUSPENDED),
        ("Gesperrt", COUNTED, SUSPENDED),
        ("désactivé", COUNTED, SUSPENDED),
        ("Zablokowany", COUNTED, SUSPENDED),
        ("Deactivated", COUNTED, SUSPENDED),
        ("Invited", NOT_YET, ACTIVE),
        ("En attente", NOT_YET, ACTIVE),
        ("Active", COUNTED, ACTIVE),
    ],
)
def test_words_of_plain_files(word: str, category: str, state: str) -> None:
    line = one_word("Status", word)
    assert (str(line.category), str(line.state)) == (category, state)


def test_a_state_of_an_address_decides_nothing() -> None:
    columns, lines = read(
        "Email,State,Status\na@acme.example,OK,Suspended\nb@acme.example,TX,Active"
    )
    assert columns.chosen()["state"] == "Status"
    assert [str(line.state) for line in lines] == [SUSPENDED, ACTIVE]
    columns, _ = read("Email,State\na@acme.example,Texas\nb@acme.example,Ohio")
    assert "state" not in columns.chosen()
    (doubt,) = columns.doubts
    assert (doubt.kind, doubt.examples) == (DoubtKind.COLUMN, ("Texas", "Ohio"))


def test_an_address_column_is_chosen_by_its_values() -> None:
    columns, (line,) = read("Email,Login\nyes,ann@acme.example")
    assert (columns.chosen()["address"], line.key) == ("Login", "ann@acme.example")
    columns, (line,) = read("Person,Kontakt\nAnn,ann@acme.example")
    assert line.key == "ann@acme.example"
    (doubt,) = columns.doubts
    assert (doubt.kind, doubt.alternatives) == (DoubtKind.COLUMN, ("Kontakt",))


@pytest.mark.parametrize("at", ["@", "\uff20", "\ufe6b"])
def test_a_column_of_addresses_in_any_width_is_the_address(at: str) -> None:
    entra = "userPrincipalName,displayName,surname,mail,givenName,id\n"
    object_id = "7d5d2a3e-0000-4000-8000-000000000001"
    for mail in ("", "mail.ann@acme.example"):
        _, (line,) = read(f"{entra}ann{at}acme.example,Ann,Lee,{mail},Ann,{object_id}")
        assert line.key == "ann@acme.example", mail
    okta = "User Id,Username,Primary Email,Status\n00u1,login1@acme.example"
    assert read(f"{okta},ann{at}acme.example,ACTIVE")[1][0].key == "ann@acme.example"
    proxies = f"User principal name,Proxy addresses\nann@acme.example,SMTP:al{at}acme.example"
    assert read(proxies)[1][0].other_addresses == ("al@acme.example",)


@pytest.mark.parametrize("beginning", ["Users of Acme\n\n", "Users of Acme;;\n;;\n", "\n\n"])
def test_a_caption_above_the_titles_is_passed_over(beginning: str) -> None:
    columns, (line,) = read(f"{beginning}Email;Name;Status\nann@acme.example;Ann;Suspended")
    assert list(columns.titles) == ["Email", "Name", "Status"]
    assert (line.key, line.name, str(line.state)) == ("ann@acme.example", "Ann", SUSPENDED)
    assert line.number == beginning.count("\n") + 2
    assert read("Email\nann@acme.example;x")[1][0].key == "ann@acme.example;x"


def test_a_column_can_be_chosen_by_hand() -> None:
    text = "Email,Other,Ort\na@acme.example,b@acme.example,Blocked"
    options = ReadingOptions(columns={"address": "Other", "state": "Ort"})
    _, (line,) = read(text, options)
    assert (line.key, str(line.state)) == ("b@acme.example", SUSPENDED)
    assert ReadingOptions.of_json(options.as_json()) == options


def test_unknown_states_are_named() -> None:
    columns, lines = read("Email,Status\na@acme.example,Active\nb@acme.example,Furloughed")
    assert str(lines[1].category) == COUNTED
    (doubt,) = columns.doubts_of_lines()
    assert "“Furloughed”" in doubt.text
    assert doubt.lines == (3,)


def test_apart_lines_are_taken_only_if_included() -> None:
    columns, lines = read(files.OKTA, ReadingOptions(include=frozenset({Category.NOT_YET})))
    assert [line.key[:2] for line in lines if columns.takes(line)] == [
        *("an", "bo", "di", "ed", "fi", "gu")
    ]
    columns, _ = read(files.OKTA, ReadingOptions(include=frozenset({Category.LEFT})))
    assert not columns.takes(lines[2]), "who left never comes in"


@pytest.mark.parametrize(
    "title",
    [
        *("Password", "Initial password [passwordProfile] Required", "Kennwort", "Passwort (neu)"),
        *("Mot de passe", "Contraseña", "Senha", "Palavra-passe", "Wachtwoord", "Hasło"),
        *("Lösenord", "Adgangskode", "Heslo", "Jelszó", "Пароль", "パスワード", "密码", "비밀번호"),
        *("Temporary Password", "password_hash", "Κωδικός πρόσβασης"),
    ],
)
def test_columns_of_passwords_are_known_in_any_language(title: str) -> None:
    columns, _ = read(f"Email,{title}\nann@acme.example,pa55")
    assert columns.secrets == (1,)


def test_a_column_of_passwords_is_never_read() -> None:
    text = "Kontakt,Passwort\nx,p@55\ny,q@55"
    with pytest.raises(NotReadable, match="No column with the e-mail address"):
        read(text)
    columns, (line, _) = read(f"Email,{text}", ReadingOptions(columns={"name": "Passwort"}))
    assert "name" not in columns.chosen()
    assert line.name == ""


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "cp1250", "mac_roman", "utf-16-le"])
@pytest.mark.parametrize("beginning", ["", "sep=;\r\n", "#TYPE x\r\n", "\r\n\r\n"])
def test_a_file_without_its_passwords_is_otherwise_the_same(codec: str, beginning: str) -> None:
    text = f'{beginning}Email;Passwort;"a,b";Name\r\na@a.example;pa55;"x\ny;z";"Jürgen Öz"\r\n'
    content = text.encode(codec)
    options = ReadingOptions(encoding="Windows-1250" if codec == "cp1250" else None)
    before = read_table(content, options)
    stored = before.without({1})
    after = read_table(stored, options)
    assert "pa55" not in stored.decode(codec)
    assert (after.header, after.encoding) == (before.header, before.encoding)
    (number, cells), (same_number, same_cells) = *before.lines(), *after.lines()
    assert (number, [*cells[:1], "", *cells[2:]]) == (same_number, same_cells)


def test_facts_about_passwords_are_no_secrets() -> None:
    titles = "Email,Password never expires,Strong password required,Last password change time stamp"
    assert read(f"{titles}\nann@acme.example,x,y,z")[0].secrets == ()
