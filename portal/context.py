from django.conf import settings
from django.urls import reverse

from .fictitious import tell_fictitious

MAIN_PAGES = {
    "pillar_list": "柱",
    "initiative_list": "取組",
    "settlement_list": "決算",
    "indicator_list": "指標",
    "department_list": "部局",
    "document_list": "出典資料",
    "glossary": "用語",
}


def site(request):
    """Give every template the names of the site and of its prefecture, and the main pages.

    `fictitious` warns of data that was made up.

    A main page is (title, address, its `aria-current`): "page" for itself, "true" above it, or "".
    """
    return {
        "site_name": settings.SITE_NAME,
        "prefecture_name": settings.PREFECTURE_NAME,
        "fictitious": tell_fictitious(),
        "main_pages": [
            (title, address := reverse(name), _current(request.path, address))
            for name, title in MAIN_PAGES.items()
        ],
    }


def _current(path, address):
    if path == address:
        return "page"
    return "true" if path.startswith(address) else ""
