"""The address of the tests' database, for other processes."""

from urllib.parse import quote

from django.db import connection


def database_url(**changed: object) -> str:
    """The DATABASE_URL of the test's connection: `database_url(PASSWORD="wrong")` changes a part.

    Parts are named as in Django's DATABASES: USER, PASSWORD, HOST, PORT, NAME.
    """
    of = {
        name: quote(str(value), safe="")
        for name, value in (connection.settings_dict | changed).items()
        if name in {"USER", "PASSWORD", "HOST", "PORT", "NAME"}
    }
    port = f":{of['PORT']}" if of["PORT"] else ""
    return f"postgres://{of['USER']}:{of['PASSWORD']}@{of['HOST']}{port}/{of['NAME']}"
