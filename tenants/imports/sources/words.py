"""Words of cells in the languages of directories and of Excel: yes and no, states, types."""

from tenants.imports.sources.source import Meaning, meanings, plain

YES = frozenset(
    plain(
        """true;yes;1;y;t;on;x;wahr;ja;j;vrai;oui;o;verdadero;sí;s;vero;waar;verdadeiro;sim
        prawda;tak
        sant;sand;sann;tosi;kyllä;pravda;ano;áno;igaz;igen;adevărat;da;doğru;evet;истина;да;істина
        так;αληθησ;ναι;вярно;istina;resnično;tõene;jah;patiess;jā;teisinga;taip;はい;是;真;예;참
        כן;אמת;نعم;صحيح"""
    )
)
NO = frozenset(
    plain(
        """false;no;0;n;f;off;falsch;nein;faux;non;falso;onwaar;nee;não;fałsz;nie;falskt;nej;falsk
        usand;usann;nei;epätosi;ei;nepravda;ne;hamis;nem;fals;nu;yanlış;hayır;ложь;нет;хибність;ні
        ψευδησ;όχι;невярно;не;neistina;neresnično;väär;aplams;nē;klaidinga;いいえ;否;假;아니요;거짓
        לא;שקר;لا;خطأ"""
    )
)
# A cell that stands for nothing.
NOTHING = frozenset(plain("null;none;nil;never;n/a;nan;leer;keine;aucun;ninguno;nessuno;geen;brak"))

# "Archived" is a state that can be undone: it counts. What was archived for good left.
STATES = meanings(
    {
        Meaning.ACTIVE: """active;activated;enabled;ok;normal;current;employed;live;licensed
        recovery
            password expired;password reset;password pending;allowed;unlocked;not suspended
            aktiv;aktiviert;freigegeben;erlaubt;actif;active;activé;activée;activo;activa;habilitado
            attivo;attiva;attivato;abilitato;actief;ingeschakeld;ativo;ativa;ativado
            aktywny;aktywne;aktywna;włączony;włączone;aktiverad;aktivní;povolen;aktív;activ;etkin
            активен;активный;включен;включён;aktiivinen;aktivert;aktiveret;有効;启用;활성""",
        Meaning.SUSPENDED: """suspended;blocked;disabled;inactive;locked;locked out;archived
            deactivated;sign-in blocked;sign in blocked;blocked from sign-in;account locked;on hold
            on leave;paused;frozen;signin disabled;
            gesperrt;blockiert;deaktiviert;inaktiv;archiviert;anmeldung blockiert;ausgesetzt
            anmeldung gesperrt;suspendu;suspendue;bloqué;bloquée;désactivé;désactivée;inactif
            inactive;archivé;archivée;connexion bloquée;verrouillé
            suspendido;suspendida;bloqueado;bloqueada;desactivado;deshabilitado;inactivo;inactiva
            archivado;inicio de sesión bloqueado
            sospeso;sospesa;bloccato;bloccata;disattivato;disabilitato;inattivo;inattiva;archiviato
            accesso bloccato;opgeschort;geschorst;geblokkeerd;uitgeschakeld;inactief;gearchiveerd
            gedeactiveerd;aanmelding geblokkeerd
            suspenso;suspensa;desativado;inativo;inativa;arquivado;entrada bloqueada
            zawieszony;zawieszone;zablokowany;zablokowane;wyłączony;wyłączone;nieaktywny;nieaktywne
            zarchiwizowany;zarchiwizowane;logowanie zablokowane
            inaktiverad;spärrad;avstängd;inaktiveret;spærret;deaktivert;sperret;zablokován;neaktivní
            zakázán;letiltva;inaktív;inactiv;blocat;devre dışı;askıda;заблокирован;отключен;отключён
            приостановлен;неактивен;lukittu;無効;停止;已停用;停用;已禁用;禁用;비활성;정지""",
        Meaning.LEFT: """deprovisioned;deleted;soft deleted;soft-deleted;permanently deleted
            hard deleted;removed;terminated;left;departed;offboarded;resigned;retired;former
            former employee;ex-employee;leaver;purged;archived for good;archived permanently
            permanently archived;tombstoned;recycled;pending deletion;deletion pending;dismissed
            gelöscht;entfernt;ausgeschieden;gekündigt;ausgetreten;endgültig archiviert
            supprimé;supprimée;parti;licencié;sorti;eliminado;eliminada;borrado;dado de baja;baja
            eliminato;eliminata;cancellato;cessato;dimesso;verwijderd;uit dienst;vertrokken
            excluído;excluída;desligado;apagado;removido;usunięty;usunięte;usunięta;zwolniony
            odszedł
            borttagen;slettet;smazán;odstraněn;törölve;törölt;șters;silindi;silinmiş;удален;удалён
            уволен;poistettu;削除済み;退職;已删除;已離職;离职;삭제됨;퇴사""",
        Meaning.NOT_YET: """staged;pending;provisioned;invited;not activated;pending user action
            pending activation;pending acceptance;pending invitation;not yet active;unconfirmed
            unverified;onboarding;prehire;future;newhire;invitation sent;not provisioned
            awaiting activation;ausstehend;eingeladen;bevorstehend;nicht aktiviert
            en attente;invité à s'inscrire;non activé;pendiente;por activar;no activado
            in attesa;invitato;non attivato;in behandeling;uitgenodigd;niet geactiveerd
            in afwachting
            pendente;aguardando;não ativado;oczekujący;oczekujące;zaproszony;nieaktywowany
            väntande;afventer;venter;čekající;függőben;în așteptare;bekliyor;beklemede;ожидает
            odottaa;保留中;招待済み;待处理;대기""",
    }
)

TYPES = meanings(
    {
        Meaning.GUEST: """guest;external;b2b;guest user;external user;guest mail user;guestmailuser
            external guest;external member;collaborator;gast;gastbenutzer;extern;externer benutzer
            invité;utilisateur invité;externe;invitado;usuario invitado;externo
            ospite;utente guest;esterno;gastgebruiker;convidado;usuário convidado
            utilizador convidado;gość;użytkownik-gość;zewnętrzny;gæst;gäst;gjest;host;vendég;konuk
            гость;vieras;ゲスト;来宾;게스트""",
        Meaning.SHARED_MAILBOX: """shared;shared mailbox;sharedmailbox;room mailbox;roommailbox
            equipment mailbox;equipmentmailbox;scheduling mailbox;schedulingmailbox;group mailbox
            groupmailbox;resource mailbox;remote shared mailbox;remotesharedmailbox
            remoteroommailbox;remoteequipmentmailbox;discoverymailbox;teammailbox;public folder
            freigegebenes postfach;raumpostfach;gerätepostfach;funktionspostfach
            boîte aux lettres partagée;boîte partagée;buzón compartido;cassetta postale condivisa
            gedeelde postbus;gedeeld postvak;caixa de correio compartilhada
            caixa de correio partilhada;skrzynka udostępniona;udostępniona skrzynka pocztowa""",
        Meaning.SERVICE_ACCOUNT: """service;service account;serviceaccount;service principal
            system;system account;application;app;bot;robot;machine;computer;technical;resource
            msds-groupmanagedserviceaccount;msds-managedserviceaccount;managed service account
            dienstkonto;systemkonto;technischer benutzer;compte de service;compte technique
            cuenta de servicio;account di servizio;serviceaccount;conta de serviço;konto usługi""",
    }
)

UNLICENSED = frozenset(
    plain(
        """unlicensed;no license;no licenses;not licensed;none;nicht lizenziert;ohne lizenz
        keine lizenz;unlizenziert;sans licence;sans licences;non concédé sous licence;aucune licence
        sin licencia;sin licencias;senza licenza;nessuna licenza;senza licenze;zonder licentie
        geen licentie;niet gelicentieerd;zonder licenties;sem licença;não licenciado;sem licenças
        bez licencji;nielicencjonowany;brak licencji;utan licens;olicensierad;uden licens
        uten lisens;bez licence;licenc nélkül;fără licență;lisanssız;без лицензии"""
    )
)

# Sign-ins that did not succeed.
FAILED = frozenset(
    plain(
        """failure;failed;interrupted;fehler;fehlgeschlagen;unterbrochen;échec;interrompu;error
        erróneo;interrumpido;errore;non riuscito;interrotto;mislukt;onderbroken;falha;interrompido
        niepowodzenie;przerwano"""
    )
)

# Parts of names, in plain form.
SHARED_NAMES = plain(
    """shared mailbox;freigegebenes postfach;boîte aux lettres partagée;boîte partagée
    buzón compartido;cassetta postale condivisa;gedeelde postbus;gedeeld postvak
    caixa de correio compartilhada;caixa de correio partilhada;skrzynka udostępniona
    udostępniona skrzynka;delad postlåda;delt postkasse;delt postboks"""
)
