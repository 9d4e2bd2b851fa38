"""Whether this portal shows 架空県, a prefecture made up to try and to measure the portal."""

from django.conf import settings

PREFECTURE = "架空県"
WARNING = "架空のデータです"
EXPLANATION = "実在する県、事業、金額ではありません。"


def is_fictitious() -> bool:
    return settings.PREFECTURE_NAME == PREFECTURE


def tell_fictitious() -> str:
    """Return what people and machines are to be told before they read on; "" of a real prefecture."""
    return f"{WARNING}。{EXPLANATION}" if is_fictitious() else ""
