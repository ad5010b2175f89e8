"""Titles that people give to columns, in the languages of Excel; every tool's are added to them."""

from tenants.imports.sources.source import Source, plain

MAIL = plain(
    """mail;e-mail;email;e-mail address;email address;primary email;primary email address;user email
    work email;smtp address;primary smtp address;windows email address
    e-mail-adresse;emailadresse;mailadresse;mail-adresse;e-mail-adressen
    adresse e-mail;adresse mail;adresse de messagerie;adresse électronique;courriel;messagerie
    correo;correo electrónico;dirección de correo;dirección de correo electrónico;e-mail principal
    indirizzo e-mail;indirizzo email;indirizzo di posta elettronica;posta elettronica
    e-mailadres;mailadres;endereço de e-mail;endereço de email;correio eletrónico;correio eletrônico
    adres e-mail;adres email;adres poczty elektronicznej;poczta elektroniczna;poczta;mejl
    e-post;epost;e-postadress;e-postadresse;e-mailadresse;sähköposti;sähköpostiosoite
    e-mailová adresa;e-mail cím;email cím;adresă de e-mail;adresa e-mail;e-posta;e-posta adresi
    адрес электронной почты;электронная почта;почта;e-mail адрес;адреса електронної пошти
    ηλεκτρονικό ταχυδρομείο;メールアドレス;電子メール;メール
    电子邮件;邮箱;电子邮件地址;電子郵件;이메일"""
)
PRINCIPAL_NAMES = plain(
    """user principal name;userprincipalname;upn;benutzerprinzipalname;nom d'utilisateur principal
    nom principal de l'utilisateur;nom d’utilisateur principal;nom d'utilisateur principal (upn)
    nombre principal de usuario;nombre principal del usuario;nome principale utente
    nome entità utente;nome dell'entità utente;nome principal do utilizador
    nome principal do usuário;nome upn;user principal-naam;principal-naam van gebruiker
    hoofdnaam van gebruiker;gebruikersprincipalnaam;nazwa główna użytkownika
    główna nazwa użytkownika;användarens huvudnamn;användarhuvudnamn;brugerens hovednavn
    brukerhovednavn;hlavní název uživatele;hlavní jméno uživatele;egyszerű felhasználónév
    nume principal utilizator;kullanıcı asıl adı;имя участника-пользователя;ユーザー プリンシパル名
    用户主体名称;사용자 계정 이름"""
)
USER_NAMES = plain(
    """user name;username;login;login name;sign-in name;user;account;benutzername;anmeldename
    benutzer;nom d'utilisateur;identifiant;utilisateur;nombre de usuario;usuario;nome utente;utente
    gebruikersnaam;gebruiker;nome de usuário;nome de utilizador;usuário;utilizador
    nazwa użytkownika;użytkownik;användarnamn;brugernavn;brukernavn;uživatelské jméno
    felhasználónév;kullanıcı adı;имя пользователя;ユーザー名;用户名;사용자 이름"""
)
FULL_NAMES = plain(
    """display name;displayname;full name;name.fullname;anzeigename;vollständiger name
    nom complet;nom d'affichage;nom affiché;nombre completo;nombre para mostrar
    nombre y apellidos;nome completo;nome visualizzato;nome e cognome;weergavenaam;volledige naam
    nome de exibição;nome a apresentar;nome para apresentação;nazwa wyświetlana;imię i nazwisko
    visningsnamn;visningsnavn;vist navn;zobrazované jméno;zobrazovaný název;megjelenítendő név
    nume afișat;nume complet;görünen ad;ad soyad;отображаемое имя;полное имя;фио;表示名;显示名称
    표시 이름"""
)
# Titles that mean a whole name, or the part that has no column.
NAMES = plain("name;nom;nombre;nome;naam;nazwa;namn;navn;jméno;név;nume;ad;имя;名前;氏名;姓名;이름")
FIRST_NAMES = plain(
    """first name;firstname;given name;name.givenname;forename;vorname;prénom;nombre de pila
    primer nombre;nome di battesimo;voornaam;primeiro nome;nome próprio;imię;förnamn;fornavn
    křestní jméno;keresztnév;utónév;prenume;etunimi"""
)
LAST_NAMES = plain(
    """last name;lastname;surname;familyname;name.familyname;nachname;familienname;zuname
    nom de famille;apellido;apellidos;primer apellido;cognome;achternaam;sobrenome;apelido
    último nome;nazwisko;efternamn;efternavn;etternavn;příjmení;vezetéknév;családnév
    nume de familie;soyad;soyadı;sukunimi;фамилия"""
)

PLAIN = Source(
    name="",
    fields={
        "address": (*MAIL, *PRINCIPAL_NAMES),
        "principal_name": PRINCIPAL_NAMES,
        "user_name": USER_NAMES,
        "name": FULL_NAMES,
        "any_name": NAMES,
        "first_name": FIRST_NAMES,
        "last_name": LAST_NAMES,
        "state": plain(
            """status;state;user state;user status;account status;account state;current status
            lifecycle state;employment status;zustand;kontostatus;benutzerstatus;état;statut
            état du compte;statut du compte;estado;estado de la cuenta;estado del usuario;situación
            stato;stato account;stato utente;accountstatus;gebruikersstatus;situação
            estado da conta;status da conta;stan;stan konta;status konta;tillstånd;stav;állapot
            stare;durum;статус;состояние;tila;ステータス;状態;状态;상태"""
        ),
        "blocked": plain(
            """block credential;block sign in;block sign-in;sign-in blocked;signinblocked;blocked
            is blocked;suspended;is suspended;disabled;is disabled;account disabled;account locked
            locked;locked out;lockedout;is locked;archived;is archived;blockcredential
            anmeldeinformationen blockieren;anmeldung blockieren;anmeldung blockiert;gesperrt
            blockiert;deaktiviert;archiviert;zugang gesperrt;konto gesperrt;konto deaktiviert
            bloquer les informations d'identification;informations d'identification bloquées
            bloquer la connexion;connexion bloquée;bloqué;suspendu;désactivé;archivé
            bloquear credencial;bloquear credenciales;bloquear inicio de sesión;bloqueado
            inicio de sesión bloqueado;suspendido;deshabilitado;desactivado;archivado
            blocca credenziali;blocca accesso;accesso bloccato;bloccato;sospeso;disabilitato
            disattivato;archiviato;referentie blokkeren;referenties blokkeren;aanmelding blokkeren
            aanmelding geblokkeerd;geblokkeerd;opgeschort;uitgeschakeld;gearchiveerd
            bloquear entrada;entrada bloqueada;bloquear início de sessão;suspenso;desativado
            arquivado;zablokuj poświadczenia;blokuj poświadczenia;zablokuj logowanie
            logowanie zablokowane;zablokowany;zablokowane;zawieszony;wyłączony;zarchiwizowany"""
        ),
        "enabled": plain(
            """account enabled;accountenabled;enabled;is enabled;active;is active;is_active
            sign-in allowed;konto aktiviert;aktiviert;aktiv;anmeldung erlaubt;compte activé;activé
            actif;connexion autorisée;cuenta habilitada;habilitado;activo;activado
            account abilitato;abilitato;attivo;attivato;account ingeschakeld;ingeschakeld;actief
            conta habilitada;conta ativada;ativo;ativado;konto włączone;włączone;aktywny;aktywne"""
        ),
        "left": plain(
            """deleted;is deleted;deletion time;deletion date;deleted at;deleted on;deleted date
            deleted date time;deletion timestamp;soft deletion time stamp;soft deletion timestamp
            soft deleted;when soft deleted;softdeletiontimestamp;terminated;deprovisioned
            zeitstempel für vorläufiges löschen;zeitstempel des vorläufigen löschens
            zeitstempel für das vorläufige löschen;vorläufig gelöscht;gelöscht;gelöscht am
            löschdatum;horodatage de la suppression réversible;horodatage de suppression réversible
            supprimé;supprimé le;date de suppression;marca de tiempo de eliminación temporal
            eliminado;fecha de eliminación;timestamp eliminazione temporanea
            timestamp di eliminazione temporanea;eliminato;data di eliminazione
            tijdstempel van voorlopige verwijdering;tijdstempel voorlopig verwijderd;verwijderd
            verwijderd op;carimbo de data/hora de exclusão temporária;carimbo de exclusão reversível
            excluído;data de exclusão;data de eliminação;znacznik czasu usunięcia nietrwałego
            sygnatura czasowa usunięcia nietrwałego;usunięty;usunięto;data usunięcia"""
        ),
        "type": plain(
            """user type;usertype;account type;member type;mailbox type;recipient type details
            recipienttypedetails;object class;objectclass;type;employee type;benutzertyp;kontotyp
            typ;type d'utilisateur;type de compte;tipo de usuario;tipo de cuenta;tipo
            tipo di utente;tipo di account;gebruikerstype;accounttype;tipo de utilizador
            tipo de usuário;typ użytkownika;typ konta;rodzaj"""
        ),
        "licenses": plain(
            """licenses;license;assigned licenses;lizenzen;lizenz;licences;licence;licencias
            licencia
            licenze;licenza;licenties;licentie;licenças;licença;licencje;licencja;licenser
            lisenser"""
        ),
        "licensed": plain("is licensed;islicensed;licensed;lizenziert"),
        "external_id": plain(
            """object id;objectid;external id;externalid;objekt-id;id d'objet;id de l'objet
            identificateur d'objet;id. de objeto;id de objeto;id del objeto;id oggetto;object-id
            id do objeto;identyfikator obiektu;objekts-id;objekt-id;okta user id;google id"""
        ),
        "possible_id": plain("id;user id;_id;unique id;jumpcloud id;oktaid"),
        "other_address": plain("proxy addresses;proxyaddresses;email aliases;aliases"),
    },
)
