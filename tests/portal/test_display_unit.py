import pytest
from django.test import RequestFactory

from portal.display_unit import carry_unit, get_unit


@pytest.mark.parametrize(
    ("query", "unit", "address"),
    [
        ("", "千円", "/a/"),
        ("unit=sen", "千円", "/a/"),
        ("unit=man", "万円", "/a/?unit=man"),
        ("unit=oku&page=2", "億円", "/a/?unit=oku"),
        ("unit=<script>", "千円", "/a/"),
    ],
)
def test_only_a_known_unit_that_is_not_the_usual_one_is_carried(query, unit, address):
    request = RequestFactory().get(f"/?{query}")
    assert (get_unit(request), carry_unit("/a/", request)) == (unit, address)


def test_without_a_request_or_an_address_nothing_is_carried():
    assert (get_unit(None), carry_unit("/a/", None)) == ("千円", "/a/")
    assert carry_unit("", RequestFactory().get("/?unit=oku")) == ""
