"""The bench's own arithmetic and clocks: medians of interleaved rounds, percentiles, the exponent of growth."""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

Answer = TypeVar("Answer")
# What work on a database is measured by. SQLite works in this process, PostgreSQL in another.
CLOCKS = {"sqlite": time.process_time, "postgresql": time.perf_counter}
CLOCK_NAMES = {"sqlite": "CPUの時間", "postgresql": "経過時間"}


def run_interleaved(
    measures: dict[str, Callable[[], Answer]], rounds: int, seconds: float = 60
) -> dict[str, list[Answer]]:
    """Run every measure once a round, in turn: what disturbs the machine meets all of them.

    Each second round goes backwards (A B, B A …), so that none always follows the same one. After
    so many seconds no further round begins; there is always one.
    """
    answers, until = {name: [] for name in measures}, time.monotonic() + seconds
    for number in range(rounds):
        if number and time.monotonic() > until:
            break
        for name in list(measures)[:: -1 if number % 2 else 1]:
            answers[name].append(measures[name]())
    return answers


def find_ratio(own: Sequence[float], other: Sequence[float]) -> float:
    """Return the median of `own` over the median of `other`."""
    return statistics.median(own) / statistics.median(other)


def find_middle(values: Sequence[float]) -> float:
    """Return the mean of the middle half of the values.

    A median jumps where values gather about two points, as with connections that two workers share
    by chance; a mean goes with the one round in which the machine was busy.
    """
    ordered, rest = sorted(values), len(values) // 4
    return statistics.mean(ordered[rest : len(ordered) - rest])


def find_percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def fit_exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Return the b of values = a * sizes ** b that fits best: the slope in logarithms.

    0 does not grow, 1 grows in step. Raises ValueError for fewer than two different sizes, or for
    what has no logarithm.
    """
    if len(set(sizes)) < 2:
        raise ValueError("An exponent needs two different sizes.")
    return statistics.linear_regression(
        [math.log(size) for size in sizes], [math.log(value) for value in values]
    ).slope
