"""What a process of the server does when it starts."""

import gc


def test_cycles_are_looked_for_seldom_and_not_in_what_a_process_holds_from_its_start():
    import portal.wsgi  # noqa: F401 - as a server loads it

    assert gc.isenabled()
    assert gc.get_threshold() == (20_000, 20, 20)
    assert gc.get_freeze_count() > 100_000
