"""Small files in the true formats of directories, with invented people.

docs/facts/directory_files.md.
"""

_M365 = (
    "Block credential,City,Country/Region,Display name,First name,Last name,Licenses,Object Id,"
    "Proxy addresses,Soft deletion time stamp,State,Title,User principal name,When created"
)
M365 = (
    f"\ufeff{_M365}\r\n"
    'False,Bellevue,US,Ada Example,Ada,Example,Business Premium,,,,WA,"Chief\nof staff",'
    "Ada.Example@Acme.example,2024-01-03 10:11:12Z\r\n"
    'True,,,"Leaver, Lou",Lou,Leaver,Unlicensed,,,,,,lou@acme.example,\r\n'
    "True,,,Front Desk (shared mailbox),,,Unlicensed,,,,,,desk@acme.example,\r\n"
    "True,,,Reception,,,Unlicensed,,,,,,reception@acme.example,\r\n"
    "False,,,Guest Gwen,,,Unlicensed,,,,,,gwen_partner.example#EXT#@acme.onmicrosoft.example,\r\n"
    "False,,,Deleted Dan,,,Unlicensed,,,2026-11-12 08:00:00Z,,,dan@acme.example,\r\n"
    "False,,,Nora New,Nora,New,Unlicensed,,,,,,nora@acme.example,\r\n"
    "False,,,Ada Example,,,Unlicensed,,,,,,ADA.example@acme.example,\r\n"
)
M365_EXCEL = (
    f"{_M365.replace(',', ';')}\r\n"
    "FALSCH;;;Zoë Müller;;;;;;;Disabled Vets Rd;;zoe@acme.example;\r\n"
    "WAHR;;;Bo Weiß;;;;;;;;;bo@acme.example;\r\n"
    ";;;;;;;;;;;;;\r\n;;;;;;;;;;;;;\r\n"
)
ENTRA = (
    "\ufeffuserPrincipalName,displayName,surname,mail,givenName,id,userType,accountEnabled,"
    "usageLocation,state,creationType,invitationState\r\n"
    "ann@acme.example,Ann Lee,,Ann.Lee@acme.example,,,Member,True,,CO,,\r\n"
    "bo@acme.example,Bo Diaz,,,,,Member,False,,CO,,\r\n"
    "gwen_partner.example#EXT#@acme.onmicrosoft.example,Gwen,,gwen@partner.example,,,Guest,True"
    ",,,Invitation,PendingAcceptance\r\n"
    "ann.admin@acme.onmicrosoft.example,Ann (admin),,ann.lee@acme.example,,,Member,True,,,,\r\n"
)
ENTRA_TEMPLATE = (
    "version:v1.0,,,,,\r\n"
    "Name [displayName] Required,User name [userPrincipalName] Required,"
    "Initial password [passwordProfile] Required,Block sign in (Yes/No) [accountEnabled] Required,"
    "First name [givenName],Last name [surname]\r\n"
    "Ann Lee,ann@acme.example,pa55-Example,No,Ann,Lee\r\n"
    "Bo Diaz,bo@acme.example,pa55-Example,Yes,Bo,Diaz\r\n"
)
GOOGLE = (
    "First Name [Required],Last Name [Required],Email Address [Required],Password [Required],"
    "Org Unit Path [Required],New Primary Email [UPLOAD ONLY],Status [READ ONLY],"
    "Last Sign In [READ ONLY],Work Address,Employee Type,Change Password at Next Sign-In,"
    "New Status [UPLOAD ONLY]\n"
    'Ann,Lee,Ann.Lee@Acme.example,pa55,/,,Active,,"1 Main St\nFloor 2",,,\n'
    "Bo,Diaz,bo@acme.example,pa55,/,,Suspended,,,,,\n"
    "Cy,Old,cy@acme.example,pa55,/,,Archived,,,,,\n"
)
GAM = (
    "primaryEmail,archived,creationTime,deletionTime,id,name.familyName,name.fullName,"
    "name.givenName,orgUnitPath,suspended,suspensionReason\n"
    "ann@acme.example,False,2024-01-01,,123456789012345678901,Lee,Ann Lee,Ann,/,False,\n"
    "bo@acme.example,False,2024-01-01,,123456789012345678902,Diaz,Bo Diaz,Bo,/,True,\n"
    "cy@acme.example,True,2024-01-01,,123456789012345678903,Old,Cy Old,Cy,/,False,\n"
    "de@acme.example,False,2024-01-01T00:00:00.000Z,2026-11-10T00:00:00.000Z,,Gone,De Gone,De,/,"
    "True,ADMIN\n"
)
JUMPCLOUD_LIST = (
    "User State,First Name,Last Name,Username,Email,State,Country\n"
    "Active,Ann,Lee,ann,ann@acme.example,Colorado,US\n"
    "Suspended,Bo,Diaz,bo,bo@acme.example,Texas,US\n"
    "Staged,Cy,Stage,cy,cy@acme.example,Ohio,US\n"
)
JUMPCLOUD = (
    '"username","firstname","lastname","email","state","suspended","account_locked","activated",'
    '"addresses_0_region","password_expired"\n'
    '"ann","Ann","Lee","Ann@acme.example","ACTIVATED","false","false","true","CO","false"\n'
    '"bo","Bo","Diaz","bo@acme.example","SUSPENDED","true","false","true","CO","false"\n'
    '"cy","Cy","Stage","cy@acme.example","STAGED","false","false","false","CO","false"\n'
    '"lo","Lo","Locked","lo@acme.example","ACTIVATED","false","true","true","CO","false"\n'
    '"pat","Pat","New","pat@acme.example","ACTIVATED","false","false","false","CO","false"\n'
)
OKTA = (
    "User Id,First Name,Last Name,Username,Primary Email,Status,Credential Provider\n"
    "00u1,Ann,Lee,ann@acme.example,ann.lee@acme.example,ACTIVE,OKTA\n"
    "00u2,Bo,Diaz,bo@acme.example,bo@acme.example,SUSPENDED,OKTA\n"
    "00u3,Cy,Gone,cy@acme.example,cy@acme.example,DEPROVISIONED,OKTA\n"
    "00u4,Di,Lock,di@acme.example,di@acme.example,LOCKED_OUT,OKTA\n"
    "00u5,Ed,Stage,ed@acme.example,ed@acme.example,STAGED,OKTA\n"
    "00u6,Fi,Prov,fi@acme.example,fi@acme.example,PROVISIONED,OKTA\n"
    "00u7,Gus,Reset,gus@acme.example,gus@acme.example,PASSWORD_EXPIRED,OKTA\n"
)
OKTA_API = (
    "id,status,created,activated,lastLogin,profile.firstName,profile.lastName,profile.login,"
    "profile.email,profile.userType\n"
    "00u1,ACTIVE,2024-01-01T00:00:00.000Z,2024-01-01T00:00:00.000Z,,Ann,Lee,ann,ann@acme.example,\n"
    "00u3,DEPROVISIONED,2024-01-01T00:00:00.000Z,,,Cy,Gone,cy,cy@acme.example,\n"
)
OKTA_CONSOLE = (
    "Login,First name,Last name,Email,Status\n"
    "ann,Ann,Lee,ann@acme.example,Active\n"
    "cy,Cy,Gone,cy@acme.example,Deactivated\n"
    "di,Di,Lock,di@acme.example,Locked out\n"
    "ed,Ed,Stage,ed@acme.example,Pending user action\n"
)
POWERSHELL = (
    "#TYPE Selected.Microsoft.Graph.PowerShell.Models.MicrosoftGraphUser\r\n"
    '"DisplayName","UserPrincipalName","AccountEnabled"\r\n'
    '"Ann Lee","ann@acme.example","True"\r\n'
    '"Bo Diaz","bo@acme.example","False"\r\n'
)
ACTIVE_DIRECTORY = (
    '"DistinguishedName","Enabled","GivenName","Name","ObjectClass","ObjectGUID","SamAccountName",'
    '"Surname","UserPrincipalName"\r\n'
    '"CN=Ann Lee,DC=acme","True","Ann","Ann Lee","user","7d5d2a3e-0000-4000-8000-00000000000a",'
    '"ann","Lee","ann@acme.example"\r\n'
    '"CN=Bo Diaz,DC=acme","False","Bo","Bo Diaz","user","7d5d2a3e-0000-4000-8000-00000000000b",'
    '"bo","Diaz","bo@acme.example"\r\n'
    '"CN=sync,DC=acme","True","","sync","msDS-GroupManagedServiceAccount",'
    '"7d5d2a3e-0000-4000-8000-00000000000c","sync$","","sync@acme.example"\r\n'
)
