import pytest
from django.contrib import admin
from django.urls import reverse

from portal.models import ChangeNote, Department, GlossaryTerm, SourceDocument
from tests.admin_pages import Page, list_screens, make_everything
from tests.builders import (
    make_change_note,
    make_department,
    make_document,
    make_initiative,
    make_place,
    make_settlement,
    make_term,
)

pytestmark = pytest.mark.django_db

MODELS = list(admin.site._registry)


def check_page(response):
    page = Page(response.content.decode())
    assert page.english == set()
    assert page.blocked == []


class TestEveryScreen:
    @pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
    def test_a_screen_is_japanese_and_needs_nothing_that_the_policy_blocks(
        self, admin_client, model
    ):
        make_everything()
        for address in list_screens(model).values():
            response = admin_client.get(address)
            assert response.status_code == 200, address
            assert "default-src 'none'" in response["Content-Security-Policy"]
            check_page(response)

    def test_the_screens_of_the_site_are_japanese_too(self, client, admin_client):
        addresses = [reverse("admin:index"), reverse("admin:password_change")]
        addresses += [reverse("admin:app_list", args=[label]) for label in ("portal", "budgets")]
        for address in addresses:
            check_page(admin_client.get(address))
        admin_client.logout()
        login = admin_client.get(reverse("admin:login"))
        check_page(login)
        assert "群馬県 政策と決算のポータル 管理" in login.content.decode()
