"""What every page says about itself: its title and address, for readers, links and machines."""

from html import unescape
from urllib.parse import quote

from django import template
from django.conf import settings
from django.urls import reverse
from django.utils.encoding import uri_to_iri
from django.utils.html import format_html
from django.utils.safestring import mark_safe

from portal.open_data_metadata import describe_data_catalog
from portal.structured_data import (
    describe_breadcrumbs,
    describe_list,
    describe_settlement,
    describe_site,
    write_json_ld,
)

register = template.Library()


@register.simple_block_tag
def captured(content):
    """Keep what blocks write, to show it twice: {% captured as page_title %}…{% endcaptured %}."""
    return mark_safe(" ".join(content.split()))  # noqa: S308 - templates have escaped it


@register.simple_tag(takes_context=True)
def canonical_address(context):
    """Return the page's address without what only narrows, sorts or formats it."""
    request = context.request
    page = request.GET.get("page", "")
    is_later = page.isascii() and page.isdecimal() and 1 < int(page[:9]) < 10**6
    return request.build_absolute_uri(f"{request.path}?page={page}" if is_later else request.path)


@register.simple_tag(takes_context=True)
def shared_address(context):
    """Return the address of what the reader sees, its Japanese readable."""
    return uri_to_iri(context.request.build_absolute_uri())


@register.simple_tag(takes_context=True)
def mail_address(context, title):
    """Return a mailto: address for telling somebody about the page."""
    lines = [unescape(title), context.request.build_absolute_uri()]
    subject, body = quote(lines[0], safe=""), quote("\r\n".join(lines), safe="")
    return f"mailto:?subject={subject}&body={body}"


@register.simple_tag(takes_context=True)
def breadcrumbs_data(context, trail, here):
    request = context.request
    steps = [("ホーム", reverse("home")), *(trail or []), (here, request.path)]
    return _data_block(describe_breadcrumbs(steps, request.build_absolute_uri))


@register.simple_tag(takes_context=True)
def site_data(context):
    absolute = context.request.build_absolute_uri
    home, search = absolute(reverse("home")), absolute(reverse("search"))
    return _data_block(describe_site(settings.SITE_NAME, settings.PREFECTURE_NAME, home, search))


@register.simple_tag(takes_context=True)
def settlement_data(context, settlement):
    absolute = context.request.build_absolute_uri
    return _data_block(describe_settlement(settlement, settings.PREFECTURE_NAME, absolute))


@register.simple_tag(takes_context=True)
def list_data(context, datasets):
    absolute = context.request.build_absolute_uri
    lists = [describe_list(each, settings.PREFECTURE_NAME, absolute) for each in datasets]
    return _data_block({"@graph": lists})


@register.simple_tag(takes_context=True)
def bulk_data(context, tables):
    folder = context.request.build_absolute_uri(reverse("open_data"))
    catalog = describe_data_catalog(tables, settings.SITE_NAME, settings.PREFECTURE_NAME, folder)
    return _data_block(catalog)


def _data_block(data):
    """Return a block of data, which browsers never execute."""
    text = mark_safe(write_json_ld(data))  # noqa: S308 - escaped for this very element
    return format_html('<script type="application/ld+json">{}</script>', text)
