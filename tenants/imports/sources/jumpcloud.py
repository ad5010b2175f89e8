"""JumpCloud: the portal's list, and the export of the API or the PowerShell module."""

from tenants.imports.sources.source import Source, mark, plain

PORTAL_LIST = Source(
    name="JumpCloud portal list",
    marks=(mark("user state;username;email"),),
    # "State" is a part of the address.
    fields={"address": plain("email"), "state": plain("user state")},
)
EXPORT = Source(
    name="JumpCloud",
    marks=(
        mark("username;email;account_locked"),
        mark("username;email;activated"),
        mark("email;username;firstname;lastname;suspended"),
        mark("email;username;firstname;lastname"),
    ),
    fields={
        "address": plain("email"),
        "activated": plain("activated"),
        "name": plain("displayname;display name"),
    },
)

USER_SOURCES = (PORTAL_LIST, EXPORT)
ACTIVITY_SOURCES = (PORTAL_LIST, EXPORT)
