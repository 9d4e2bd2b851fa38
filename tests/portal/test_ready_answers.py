"""The copies that a process has at hand: of one edition, and never more than so many bytes."""

from concurrent.futures import ThreadPoolExecutor

from portal.ready_answers import MORE_BYTES, Ready, ReadyAnswers

THREE = 3 * (10 + MORE_BYTES)  # bytes of three small answers


def make_answer(size=10):
    return Ready("200 OK", [], b"x" * size)


def test_what_nobody_asks_for_goes_first_when_it_becomes_too_much():
    ready = ReadyAnswers(max_bytes=THREE)
    assert ready.find("a", ("/1",)) is None
    for name in ("/1", "/2", "/3"):
        ready.keep("a", (name,), make_answer())
    assert ready.find("a", ("/1",)) == make_answer()
    ready.keep("a", ("/4",), make_answer())
    assert [name for name in ("/1", "/2", "/3", "/4") if ready.find("a", (name,))] == [
        *("/1", "/3", "/4")
    ]


def test_an_answer_that_is_larger_than_all_is_not_kept():
    ready = ReadyAnswers(max_bytes=THREE)
    ready.find("a", ("/1",))
    ready.keep("a", ("/1",), make_answer(THREE))
    assert ready.find("a", ("/1",)) is None
    ready.keep("a", ("/1",), make_answer(THREE - MORE_BYTES))
    assert ready.find("a", ("/1",)) == make_answer(THREE - MORE_BYTES)


def test_nothing_outlives_its_edition():
    ready = ReadyAnswers(max_bytes=THREE)
    ready.find("a", ("/1",))
    ready.keep("a", ("/1",), make_answer())
    assert ready.find("b", ("/1",)) is None
    ready.keep("a", ("/1",), make_answer())  # comes too late
    assert ready.find("b", ("/1",)) is None
    assert ready.find("a", ("/1",)) is None


def test_answers_without_a_body_are_not_kept_without_end():
    ready = ReadyAnswers(max_bytes=THREE)
    ready.find("a", ("/1",))
    for number in range(100):
        ready.keep("a", (f"/{number}",), make_answer(0))
    assert sum(ready.find("a", (f"/{number}",)) is not None for number in range(100)) == 3


def test_many_threads_share_it():
    ready = ReadyAnswers(max_bytes=THREE)

    def work(number):
        tag, asked = f"edition {number // 500 % 2}", (f"/{number % 17}",)
        found = ready.find(tag, asked)
        ready.keep(tag, asked, Ready(f"{tag} {asked}", [], b"x" * 10))
        return found is None or found.status == f"{tag} {asked}"

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(5000)))
    assert ready.size <= THREE
