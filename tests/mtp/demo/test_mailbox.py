"""Mails that the demo writes into files: only operations staff reads them, and only there."""

from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives, get_connection
from django.test import Client

from mtp.demo import mailbox
from tests.personas import Personas

LIST = "/operations/mails/"


@pytest.fixture
def folder(settings, tmp_path: Path) -> Path:
    """The folder into which Django's file backend writes mails."""
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
    """A client signed in as operations staff."""
    client.force_login(people.staff)
    return client


def test_the_mail_list_is_newest_first_and_searchable(folder: Path, operations: Client) -> None:
    send(mail("First"), mail("Second <b>"))
    send(mail("Third"))

    assert [each.subject for each in mailbox.mails()] == ["Third", "Second <b>", "First"]
    page = operations.get(LIST).text
    assert "Second &lt;b&gt;" in page
    assert "3 mails" in page
    filtered = operations.get(LIST, {"q": "tHiRd"}).text
    assert "1 mail" in filtered
    assert "Second" not in filtered


def test_a_mail_shows_both_forms_and_its_files(folder: Path, operations: Client) -> None:
    html = '<html><head></head><body><script>alert(1)</script>Grüße "x"</body></html>'
    send(
        mail(
            "Invoice", html=html, files=(("NORTH-1.pdf", b"%PDF\n" + b"-" * 79, "application/pdf"),)
        )
    )
    (sent,) = mailbox.mails()
    address = f"{LIST}{sent.name}/"

    page = operations.get(address).text

    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
    assert "zwölf" in page
    attachment = operations.get(f"{address}0/")
    assert (attachment.content[:4], attachment["Content-Type"]) == (b"%PDF", "application/pdf")
    assert attachment["Content-Disposition"] == 'attachment; filename="NORTH-1.pdf"'
    assert attachment["X-Content-Type-Options"] == "nosniff"
    assert operations.get(f"{address}1/").status_code == 404


def test_a_mail_name_reads_no_file_outside_the_folder(folder: Path, operations: Client) -> None:
    send(mail("Secret"))
    (folder.parent / "20260101-000000-1.log").write_bytes(b"Subject: outside\n\n")
    for name in ("..%2F20260101-000000-1.log.0", "20260101-000000-1.log.0", "x", "1.log.0"):
        assert operations.get(f"{LIST}{name}/").status_code == 404


def test_only_operations_staff_reads_mails(folder: Path, client: Client, people: Personas) -> None:
    send(mail("Secret"))
    name = mailbox.mails()[0].name
    for person in (None, people.olive, people.otto):
        if person is not None:
            client.force_login(person)
        for address in (LIST, f"{LIST}{name}/", f"{LIST}{name}/0/"):
            answer = client.get(address, follow=True)
            assert "Secret" not in answer.text
            assert answer.status_code == 403 or "/accounts/login/" in answer.redirect_chain[-1][0]


def test_the_mail_pages_answer_404_where_mails_are_sent(operations: Client) -> None:
    assert operations.get(LIST).status_code == 404
    assert "Read the sent mails" not in operations.get("/operations/").text


def test_the_admin_start_page_links_to_the_mails(folder: Path, operations: Client) -> None:
    assert LIST in operations.get("/operations/").text


def test_an_empty_mail_list_says_that_no_mail_was_sent(folder: Path, operations: Client) -> None:
    assert "No mail was sent yet." in operations.get(LIST, {"page": "9999"}).text
