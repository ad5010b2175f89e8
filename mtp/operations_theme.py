"""Name and colors of the operations admin."""

from django.templatetags.static import static

UNFOLD = {
    "SITE_TITLE": "MTP operations",
    "SITE_HEADER": "MTP operations",
    "SITE_SYMBOL": "domain",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _: static("img/mark.svg")}
    ],
    "DASHBOARD_CALLBACK": "mtp.today.today",
    "SHOW_VIEW_ON_SITE": False,
    "COLORS": {
        "primary": {
            "50": "#f3f4fe",
            "100": "#ebedfd",
            "200": "#c6cbf6",
            "300": "#a5adf7",
            "400": "#8590ee",
            "500": "#7680ea",
            "600": "#4a53d8",
            "700": "#3c44bd",
            "800": "#363fb0",
            "900": "#2b3288",
            "950": "#1c2157",
        }
    },
    "SIDEBAR": {"show_all_applications": False, "show_search": False},
}
