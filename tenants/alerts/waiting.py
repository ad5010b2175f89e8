"""How many alerts wait for somebody: the figure in the menu."""

from accounts.context_processors import waits_behind
from accounts.models import User
from accounts.roles import Permission
from tenants.alerts.models import Alert


@waits_behind("alert_list")
def waiting_alerts(user: User) -> int:
    """Open ones that nobody has acknowledged, of those that this person may see."""
    return Alert.objects.waiting().visible(sees_money=user.may(Permission.VIEW_BILLING)).count()
