"""The unit of money that a reader chose (`?unit=man`), kept from page to page."""

from django.http import HttpRequest

UNITS = {"sen": "千円", "man": "万円", "oku": "億円"}
DEFAULT = "sen"


def get_unit(request: HttpRequest | None) -> str:
    """Return the unit to show amounts in, 千円 where none or an unknown one was asked for."""
    return UNITS[_get_choice(request)]


def carry_unit(address: str, request: HttpRequest | None) -> str:
    """Return a path with the reader's choice, unless it is the usual one or no path is given."""
    choice = _get_choice(request)
    return f"{address}?unit={choice}" if address and choice != DEFAULT else address


def _get_choice(request: HttpRequest | None) -> str:
    choice = request.GET.get("unit") if request else None
    return choice if choice in UNITS else DEFAULT
