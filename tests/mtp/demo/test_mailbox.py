"""The mails a demo keeps in files: read by operations, by nobody else and nowhere else."""

from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives, get_connection
from django.test import Client

from mtp.demo import mailbox
from tests.personas import Personas

LIST = "/operations/mails/"


@pytest.fixture
def folder(settings, tmp_path: Path) -> Path:
    """Where mails go, through Django's own backend."""
    settings.EMAIL_BACKEND = mailbox.FILE_BACKEND
    settings.EMAIL_FILE_PATH = str(tmp_path)
    return tmp_path


def mail(subject: str, *, html: str = "", files: tuple[tuple[str, bytes, str], ...] = ()):
    message = EmailMultiAlternatives(subject, f"Text of {subject}\nzwölf", to=["a@north.example"])
    if html:
        message.attach_alternative(html, "text/html")
    for file in files:
        message.attach(*file)
    return message


def send(*messages: EmailMultiAlternatives) -> None:
    get_connection().send_messages(list(messages))


@pytest.fixture
def operations(client: Client, people: Personas) -> Client:
    """A browser in which operations staff is signed in."""
    client.force_login(people.staff)
    return client


def test_mails_are_listed_newest_first_and_found(folder: Path, operations: Client) -> None:
    send(mail("First"), mail("Second <b>"))
    send(mail("Third"))

    assert [one.subject for one in mailbox.headings()] == ["Third", "Second <b>", "First"]
    page = operations.get(LIST).text
    assert "Second &lt;b&gt;" in page
    assert "3 mails" in page
    found = operations.get(LIST, {"q": "tHiRd"}).text
    assert "1 mail" in found
    assert "Second" not in found


def test_a_mail_shows_both_forms_and_its_files(folder: Path, operations: Client) -> None:
    html = '<html><head></head><body><script>alert(1)</script>Grüße "x"</body></html>'
    send(
        mail(
            "Invoice", html=html, files=(("NORTH-1.pdf", b"%PDF\n" + b"-" * 79, "application/pdf"),)
        )
    )
    (heading,) = mailbox.headings()
    address = f"{LIST}{heading.name}/"

    page = operations.get(address).text

    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
    assert "zwölf" in page
    enclosure = operations.get(f"{address}0/")
    assert (enclosure.content[:4], enclosure["Content-Type"]) == (b"%PDF", "application/pdf")
    assert enclosure["Content-Disposition"] == 'attachment; filename="NORTH-1.pdf"'
    assert enclosure["X-Content-Type-Options"] == "nosniff"
    assert operations.get(f"{address}1/").status_code == 404


def test_only_mails_of_the_folder_are_read(folder: Path, operations: Client) -> None:
    send(mail("Secret"))
    (folder.parent / "20260101-000000-1.log").write_bytes(b"Subject: outside\n\n")
    for name in ("..%2F20260101-000000-1.log.0", "20260101-000000-1.log.0", "x", "1.log.0"):
        assert operations.get(f"{LIST}{name}/").status_code == 404


def test_they_are_for_operations_only(folder: Path, client: Client, people: Personas) -> None:
    send(mail("Secret"))
    name = mailbox.headings()[0].name
    for person in (None, people.olive, people.otto):
        if person is not None:
            client.force_login(person)
        for address in (LIST, f"{LIST}{name}/", f"{LIST}{name}/0/"):
            answer = client.get(address, follow=True)
            assert "Secret" not in answer.text
            assert answer.status_code == 403 or "/accounts/login/" in answer.redirect_chain[-1][0]


def test_where_mails_are_sent_there_is_nothing_to_read(operations: Client) -> None:
    assert operations.get(LIST).status_code == 404
    assert "Read the sent mails" not in operations.get("/operations/").text


def test_the_start_page_leads_there(folder: Path, operations: Client) -> None:
    assert LIST in operations.get("/operations/").text


def test_an_empty_folder_says_so(folder: Path, operations: Client) -> None:
    assert "No mail was sent yet." in operations.get(LIST, {"page": "9999"}).text
