"""The sweeps that take too long for every change: everything with everything, and what grows."""

import contextlib
import re
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest
from django.contrib import admin

from budgets.report_files import ReportFileError, read_report_file
from budgets.report_reader import parse_report
from portal.amounts import AmountError, parse_amount
from portal.fiscal_year import FiscalYearError, parse_fiscal_year
from portal.markdown import plain_text, render_markdown
from portal.models import ImportLog
from portal.rate_limit import count_request
from portal.search_text import find_spans, normalise, parse_query
from portal.shared_cache import SharedCache
from portal.spreadsheet_reading import read_pasted, read_xlsx
from portal.spreadsheets import SpreadsheetError
from tests.admin_pages import make_everything
from tests.attack_files import DOCUMENTS, PDFS, WORKBOOKS
from tests.attack_inputs import FORMULAS, MARKUP, METHODS
from tests.drills.regexes import find_patterns, list_uses, make_pumps
from tests.portal.test_attack_files import HEAVY
from tests.portal.test_attack_markup import (
    check_files_of_staff,
    fill_texts,
    fill_world,
    open_screens,
)
from tests.portal.test_attack_requests import KINDS, ask, check_method, list_headers
from tests.portal.test_attack_staff import (  # noqa: F401  fixtures
    check_others,
    list_addresses_of,
    other,
    own,
    theirs,
)
from tests.portal.test_rights_matrix import enter
from tests.public_pages import arguments_of, list_addresses, make_world

pytestmark = pytest.mark.drill

# Made of what a function knows: glossary terms, names of headings in the text itself, and words that
# are looked for.
MADE_AS_THEY_RUN = {"portal.glossary_marks", "budgets.report_lines", "portal.search_text"}
SHORT, ENOUGH_SECONDS = 3_000, 0.05


def cpu_of(work) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def grows_at_most_by(work, make, size: int, power: float) -> bool:
    """Tell whether four times the input takes at most 4**power the time; tiny times are all well."""
    small, large = make(size), make(4 * size)
    for _ in range(3):  # the machine has other work, too
        quick, slow = cpu_of(lambda: work(small)), cpu_of(lambda: work(large))
        if slow < ENOUGH_SECONDS or slow / max(quick, 1e-4) < 4**power * 1.3:
            return True
    return False


@pytest.mark.own_servers
class TestExpressions:
    def test_all_are_found(self):
        found, made = find_patterns()
        assert len(found) > 100
        assert set(made) == MADE_AS_THEY_RUN

    def test_none_takes_more_than_the_square_of_a_text(self):
        found, uses = find_patterns()[0], list_uses()
        slow, tried = [], 0
        for place, pattern in found.items():
            if isinstance(pattern.pattern, bytes):
                continue
            use = pattern.fullmatch if uses.get(place) == {"fullmatch"} else pattern.search
            for start, pump, end in set(make_pumps(pattern)):
                tried += 1
                if not grows_at_most_by(
                    use, lambda n, s=start, p=pump, e=end: s + p * (n // len(p) + 1) + e, 750, 2
                ):
                    slow.append((place, start, pump))
        assert slow == []
        assert tried > 300

    @pytest.mark.parametrize(
        ("careless", "size"),
        [("(a+)+b", 5), ("(?:a|a)*b", 5), ("a*a*a*b", 60), (r".*\s*x+.*y", 200)],
    )
    def test_the_judge_sees_what_is_slow(self, careless, size):
        pattern = re.compile(careless)
        assert any(
            not grows_at_most_by(pattern.search, lambda n, p=pump, e=end: p * n + e, size, 1.2)
            for _, pump, end in make_pumps(pattern)
        )


PATHOLOGICAL = {
    "brackets": lambda n: "[" * n,
    "links": lambda n: "[a](" * n,
    "emphasis": lambda n: "*a_ " * n,
    "nested-emphasis": lambda n: "*a " * n + "b*" * n,
    "stars": lambda n: "*" * n + "a" + "*" * n,
    "ticks": lambda n: "".join("`" * (i % 80 + 1) + "a " for i in range(n)),
    "quotes": lambda n: ">" * n,
    "lists": lambda n: "\n".join("  " * min(i, 300) + "- a" for i in range(n // 10)),
    "lists-in-a-line": lambda n: "- " * n,
    "wide-tables": lambda n: "|a" * n + "\n" + "|-" * n + "\n" + "|b" * n,
    "long-tables": lambda n: "|a|b|\n|-|-|\n" + "|c\n" * n,
    "references": lambda n: "[a]: /u\n\n" + "[a] " * n,
    "definitions": lambda n: "[a]: x\n" * n,
    "angles": lambda n: "<a " * n,
    "comments": lambda n: "<!--" * n,
    "sections": lambda n: "<![CDATA[" * n,
    "entities": lambda n: "&amp;" * n,
    "backslashes": lambda n: "\\" * n,
    "strikes": lambda n: "~~*a " * n,
    "headings": lambda n: "# a\n" * n,
    "titles": lambda n: '[a](b "' * n,
    "blank-lines": lambda n: "\n" * n,
    "blanks": lambda n: " " * n + "x",
    "one-word": lambda n: "あ" * n,
    "long-vowels": lambda n: ("か" + "ー" * 30) * (n // 30),
    "digits": lambda n: "1" * n + "千円",
    "commas": lambda n: "1," * n + "円",
    "items": lambda n: (
        "1 総務費\n" + "\n".join(f"({i}) 庁議 決算額 4,016千円" for i in range(1, n // 10))
    ),
    "deep-items": lambda n: "1 総務費\n(1) あ\n① い\nア う\n" + "(ア) え\n" * (n // 5),
    "quantities": lambda n: "1 総務費\n(1) あ\n" + "参加者12人、費用3千円\n" * (n // 10),
    "open-brackets": lambda n: "1 総務費\n(1) あ\n" + "（1件" * n,
    "tables-of-reports": lambda n: (
        "1 総務費\n(1) あ\n| 区分 | 金額 |\n|---|---|\n" + "| 甲 | 12千円 |\n" * (n // 10)
    ),
    "many-tables": lambda n: (
        "1 総務費\n(1) あ\n" + "| 区分 | 金額 |\n|---|---|\n| 甲 | 1千円 |\n\n" * (n // 20)
    ),
    "tabs": lambda n: "1 総務費\n(1) あ\n" + "甲\t1\n" * (n // 5),
    "headings-of-parts": lambda n: "第1 架空部\n" * (n // 5),
    "policies": lambda n: "重点施策\n" + "1 あ\n" * (n // 5),
}


def read_or_refuse(read, *errors):
    def work(text):
        with contextlib.suppress(*errors):
            read(text)

    return work


READERS = {
    "markdown": render_markdown,
    "plain": plain_text,
    "report": parse_report,
    "amount": read_or_refuse(parse_amount, AmountError),
    "year": read_or_refuse(parse_fiscal_year, FiscalYearError),
    "search": normalise,
    "hits": lambda text: find_spans(text, parse_query(f"{'か' * 40}さ 円 a")),
    "pasted": read_or_refuse(read_pasted, SpreadsheetError),
}


@pytest.mark.own_servers
@pytest.mark.parametrize("reader", READERS)
def test_no_text_takes_a_reader_much_more_than_its_length(reader):
    slow = [
        name
        for name, make in PATHOLOGICAL.items()
        if not grows_at_most_by(READERS[reader], make, 1_000, 1.5)
    ]
    assert slow == []


@pytest.mark.own_servers
@pytest.mark.parametrize("name", sorted(HEAVY & set(WORKBOOKS)))
def test_a_heavy_workbook_is_refused(name):
    with pytest.raises(SpreadsheetError):
        read_xlsx(WORKBOOKS[name](), max_rows=5_000)


@pytest.mark.own_servers
@pytest.mark.parametrize("name", sorted(HEAVY & {*DOCUMENTS, *PDFS}))
def test_a_heavy_report_is_refused(name):
    for files in (DOCUMENTS, PDFS):
        if name in files:
            with pytest.raises(ReportFileError):
                read_report_file(files[name]())


@pytest.mark.django_db
class TestEverything:
    def test_every_method_at_every_address(self, client):
        client.handler.enforce_csrf_checks = True
        for address, method in product(list_addresses(arguments_of(**make_world())), METHODS):
            check_method(client, method, address)

    def test_every_header_to_every_kind_of_view(self, client):
        make_world()
        broken = [
            (name, value[:40], address)
            for (name, value), address in product(list_headers(), KINDS[:-1])
            if ask(client, "GET", address, **{name: value}).status_code >= 500
        ]
        assert broken == []

    def test_every_screen_of_the_admin_with_markup_in_every_text(self, admin_client):
        make_everything()
        fill_texts(MARKUP)
        assert open_screens(admin_client, admin.site._registry) > 60

    def test_every_file_of_the_admin_with_formulas_in_every_text(self, admin_client):
        fill_world(FORMULAS)
        kinds = [
            model
            for model, model_admin in admin.site._registry.items()
            if getattr(model_admin, "resource_classes", None) and model is not ImportLog
        ]
        assert check_files_of_staff(admin_client, kinds) > 1_000

    @pytest.mark.parametrize("role", ["nobody", "editor", "approver", "both", "elsewhere"])
    def test_no_address_of_the_admin_leads_to_the_records_of_others(self, role, own, theirs):  # noqa: F811
        client = enter(role, own)
        addresses = list_addresses_of(theirs, theirs["log"], lambda path: True)
        with_record = [address for address in addresses if address[1]]
        assert len(with_record) > 90
        assert check_others(client, addresses) == []


@pytest.mark.own_servers
def test_redis_counts_each_request_once(rf, settings, monkeypatch, redis_address):
    """Eight threads of a process ask at once; the counts are those of one after the other."""
    settings.API_RATE = "5000/min"
    shared = SharedCache(redis_address, {"KEY_PREFIX": f"drill-{time.time_ns()}"})
    monkeypatch.setattr("portal.rate_limit.caches", {"default": shared})
    with ThreadPoolExecutor(8) as threads:
        limits = list(threads.map(lambda _: count_request(rf.get("/api/v1/x").META), range(1000)))
    assert sorted(each["RateLimit-Remaining"] for each in limits) == list(range(4000, 5000))


@pytest.fixture
def redis_address():
    """Start a Redis of its own where the program is found."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("needs redis-server (apt-get install redis-server)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""],
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in server.stdout:
        if "Ready to accept connections" in line:
            break
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait()
