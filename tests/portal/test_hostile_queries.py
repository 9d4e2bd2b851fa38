"""Whatever stands in an address, every public page answers with a page, a 404 or a sentence."""

import pytest

from tests.public_pages import arguments_of, is_bulk_file, list_addresses, make_world

pytestmark = pytest.mark.django_db

NAMES = (
    *("q", "page", "sort", "format", "table", "kind", "fiscal_year", "department", "pillar"),
    *("report", "distinction", "limit", "offset", "order", "level", "status", "cursor", "fields"),
    *("min_amount_yen", "max_amount_yen"),
)
VALUES = [
    "a%00b",
    "%ED%A0%80%FF%FE",  # a lone surrogate, and what is no UTF-8
    "-1",
    "NaN",
    "1" + "0" * 30,
    "9" * 5000,
    "%EF%BC%92%EF%BC%90",  # ２０
    "'%20OR%201=1%20--%20%22%20OR%20*%20NEAR(a%20b)%20AND%20NOT%20(",
    "%3Cscript%3Ealert(1)%3C/script%3E%0D%0ASet-Cookie:%20a=b",
    "%25%5C_%7B%7B7*7%7D%7D..%2F..%2Fetc%2Fpasswd",
]
STRUCTURES = [
    "&&&;=&=&%=%&%zz=%u0041&q[]=a&page[0]=1&pillar[slug]=x&q",
    "q=a&q=b&page=1&page=2&sort=x&sort=title&format=csv&format=html&format=xml",
    f"q={'a' * 100_000}&page={'1' * 100_000}",
    "&".join(f"parameter{number}={number}" for number in range(900)),
]


def list_queries(address: str) -> list[str]:
    """Return queries with a hostile value everywhere, and in `q` alone.

    The API looks at no value beside a bad one; a page does, also when it writes a file.
    """
    everywhere = ["&".join(f"{name}={value}" for name in NAMES) for value in VALUES]
    start = "q" if address.startswith("/api/") else "format=csv&table=figures&q"
    return [*everywhere, *(f"{start}={value}" for value in VALUES), *STRUCTURES]


@pytest.fixture
def addresses():
    return list_addresses(arguments_of(**make_world()))


def test_no_query_string_breaks_any_public_page(client, addresses):
    client.raise_request_exception = False
    assert len(addresses) > 50
    broken = [
        f"{address}?{query[:200]}"
        for address in addresses
        for query in list_queries(address)
        if client.get(address, QUERY_STRING=query).status_code >= 500
    ]
    assert broken == []


def test_a_public_page_answers_200_whatever_stands_after_the_question_mark(client, addresses):
    pages = [address for address in addresses if not address.startswith("/api/")]
    for address in pages:
        plain = client.get(address).status_code
        assert plain in (200, 302), address  # the icon redirects
        for query in ("page=x&sort=x&format=x&q=%00&pillar=x&kind=x", "page=999999"):
            # What narrows is none, or is refused.
            if not ("sitemap" in address or "feed" in address or is_bulk_file(address)):
                assert client.get(address, QUERY_STRING=query).status_code == plain, address


@pytest.mark.parametrize(
    "path",
    [
        "/nothing/",
        "/pillars/no-such-pillar/",
        "/pillars/%00/",
        "/pillars/%ED%A0%80/",
        "/initiatives/" + "a" * 10_000 + "/",
        "/initiatives/images/0/",
        "/initiatives/images/1" + "0" * 30 + "/",
        "/initiatives/images/" + "9" * 5000 + "/",
        "/initiatives/images/x/",
        "/reports/../../etc/passwd",
        "/settlements/0000/",
        "/settlements/1000/",
        "/settlements/2999/",
        "/settlements/9999/",
        "/settlements/" + "2" * 400 + "/",
        "/settlements/2020/no-such-department/",
        "/settlements/2020/no-such-department/1/",
        "/settlements/2020/no-such-department/1." + "1." * 400 + "1/",
        "/settlements/2020/no-such-department/" + "9" * 5000 + "/",
        "/settlements/2020/no-such-department/0/",
        "/programs/no-such-program/",
        "/indicators/no-such-indicator/",
        "/departments/no-such-department/",
        "/documents/no-such-document/",
        "/sitemap-nothing.xml",
        "/api/v1/nothing",
        "/api/v1/pillars/%00",
        "/api/v1/settlements/99999999999999999999/x",
        "/api/v1/settlements/2020/x/items/%00",
        "/%00",
        "/%ED%A0%80",
        "/" + "a" * 100_000,
    ],
    ids=lambda path: path[:40],
)
def test_an_address_of_nothing_answers_404(client, path):
    client.raise_request_exception = False
    answer = client.get(path)
    assert answer.status_code in (404, 422), path[:100]
    if not path.startswith("/api/"):
        assert answer.status_code == 404
        assert "ページが見つかりません" in answer.content.decode()
