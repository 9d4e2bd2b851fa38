"""Seen from inside a world: the memory of exports, as what JSON holds."""


def measure_memory() -> list[tuple[str, int, float]]:
    """Return format, number of rows, and peak memory in MB of a process that exports so many."""
    from .exporting import measure_peaks

    return [(form, limit, megabytes) for (form, limit), megabytes in measure_peaks().items()]
