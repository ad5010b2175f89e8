"""Microsoft's tools: the admin centers, PowerShell for Graph and Active Directory, reports."""

from tenants.imports.sources.plain_files import MAIL, PRINCIPAL_NAMES, USER_NAMES
from tenants.imports.sources.source import Meaning, Source, mark, meanings, plain

# Members sign in with the user principal name, which every report has; two may share one mail.
_ADDRESSES = (*PRINCIPAL_NAMES, *MAIL)
# Titles that tell the admin center's export apart, each with the title of the address.
_ADMIN_CENTER = tuple(
    mark(titles)
    for titles in (
        "block credential;user principal name",
        "soft deletion time stamp;user principal name",
        "anmeldeinformationen blockieren;benutzerprinzipalname",
        "bloquer les informations d'identification;nom d'utilisateur principal",
        "informations d'identification bloquées;nom d'utilisateur principal",
        "bloquear credencial;nombre principal de usuario",
        "bloquear credenciales;nombre principal de usuario",
        "blocca credenziali;nome principale utente",
        "blocca credenziali;nome dell'entità utente",
        "referentie blokkeren;user principal name",
        "referenties blokkeren;user principal name",
        "bloquear credencial;nome principal do usuário",
        "bloquear credencial;nome principal do utilizador",
        "zablokuj poświadczenia;nazwa główna użytkownika",
        "zablokuj poświadczenia;główna nazwa użytkownika",
    )
)

SHARED_FIELDS = {"address": _ADDRESSES, "state": ()}

# Named after the cmdlets' properties; an AD id is a GUID too, of another account than Entra's.
_CONTROL_WORDS = meanings(
    {
        Meaning.ACTIVE: "512;544;66048;66080;262656;590336;328192",
        Meaning.SUSPENDED: "514;546;66050;66082;262658;590338;328194;528;66064",
        Meaning.SERVICE_ACCOUNT: "4096;4098;532480",
    }
)

M365 = Source(
    name="Microsoft 365 admin center",
    marks=_ADMIN_CENTER,
    fields=SHARED_FIELDS,
    has_unmarked_shared_mailboxes=True,
)
M365_USER_LIST = Source(
    name="Microsoft 365",
    marks=(mark("user name;display name;office phone"),),
    fields={**SHARED_FIELDS, "address": (*PRINCIPAL_NAMES, *USER_NAMES, *MAIL)},
)
ENTRA_TEMPLATE = Source(
    name="Microsoft Entra bulk template",
    marks=(
        mark("userPrincipalName;passwordProfile;accountEnabled"),
        mark("userPrincipalName;passwordProfile"),
    ),
    # The template asks whether to block, and names the property that has the opposite meaning.
    fields={**SHARED_FIELDS, "blocked": plain("accountEnabled"), "enabled": ()},
)
ENTRA = Source(
    name="Microsoft Entra",
    marks=(
        mark("userPrincipalName;accountEnabled;userType;usageLocation"),
        mark("userPrincipalName;accountEnabled;creationType"),
        mark("userPrincipalName;objectId;accountEnabled"),
        mark("userPrincipalName;displayName;surname;mail;givenName;objectId"),
        mark("userPrincipalName;displayName;surname;mail;givenName;id"),
    ),
    fields=SHARED_FIELDS,
)
ACTIVE_DIRECTORY = Source(
    name="Active Directory",
    marks=(
        mark("distinguishedName;samAccountName"),
        mark("samAccountName;userPrincipalName"),
        mark("samAccountName;objectGUID"),
        mark("dn;samAccountName"),
    ),
    fields={
        **SHARED_FIELDS,
        "state": plain("userAccountControl"),
        "external_id": plain("objectGUID"),
        "possible_id": (),
        "name": plain("display name;displayName;cn"),
    },
    words=_CONTROL_WORDS,
    ids_of="ad:",
)
POWERSHELL = Source(
    name="Microsoft Graph PowerShell",
    marks=(
        mark("userPrincipalName;deletedDateTime"),
        mark("userPrincipalName;isLicensed"),
        mark("userPrincipalName;displayName"),
        mark("userPrincipalName;id"),
        mark("recipientTypeDetails;primarySmtpAddress"),
    ),
    fields=SHARED_FIELDS,
)
ANY_MICROSOFT = Source(
    name="Microsoft 365", marks=(mark("userPrincipalName"),), fields=SHARED_FIELDS
)

SIGN_IN_LOG = Source(
    name="Microsoft Entra sign-in log",
    marks=(
        mark("date;request id;user id;username"),
        mark("createdDateTime;userPrincipalName;appDisplayName"),
    ),
    fields={"address": (*PRINCIPAL_NAMES, *plain("username")), "outcome": plain("status")},
)
M365_REPORT = Source(
    name="Microsoft 365 activity report",
    marks=(
        mark("report refresh date;user principal name"),
        mark("berichtsaktualisierungsdatum;benutzerprinzipalname"),
        mark("date d’actualisation du rapport;nom d’utilisateur principal"),
    ),
    empty_is_no_activity=True,
)

USER_SOURCES = (
    *(ENTRA_TEMPLATE, M365, ENTRA, M365_USER_LIST, ACTIVE_DIRECTORY, POWERSHELL),
    ANY_MICROSOFT,
)
ACTIVITY_SOURCES = (SIGN_IN_LOG, M365_REPORT)
