"""What the checks find in many settlements: counted once an edition, worked out where it is shown."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from django.core.cache import cache
from django.db.models import QuerySet

from portal.edition import Edition, find_edition
from portal.release import RELEASE

from .check_results import CheckName, CheckResult, CheckStatus
from .checks import check_settlement
from .facts import load_item_facts
from .models import Settlement, SettlementItem

SETTLEMENTS_AT_ONCE = 15
MOST_CODES = 1000  # of which the items are asked by their codes
KEPT_SECONDS = 24 * 3600


@dataclass(frozen=True)
class FoundResult:
    """What a check found, with the item that it found it at."""

    item: SettlementItem
    result: CheckResult


class Tally(NamedTuple):
    """The results of a settlement: how many of each check and status, and the best example of each.

    An example is its rank, the lower the better, and its place among the results.
    """

    counts: dict[tuple[str, str], int]
    examples: dict[str, tuple[bool, bool, int]]


class FoundChecks:
    """The results of some settlements, in their order; those of a check and a status, where asked.

    They are counted with the tallies kept for the edition, and read in slices, for which no more
    settlements are worked out than have results in the slice. `settlements` come with their
    departments; `with_examples` tells that `list_examples` will be asked.
    """

    def __init__(
        self,
        settlements: QuerySet,
        edition: Edition,
        *,
        check: str | None = None,
        status: str | None = None,
        with_examples: bool = False,
    ):
        self.settlements = {settlement.pk: settlement for settlement in settlements}
        self.edition, self.check, self.status = edition, check, status
        self.with_examples = with_examples
        self._loaded: dict[int, list[CheckResult]] = {}

    @cached_property
    def tallies(self) -> dict[int, Tally]:
        tallies, self._loaded = load_tallies(list(self.settlements), self.edition)
        return tallies

    def count_all(self) -> Counter:
        """Return how many results there are of each check and status, whatever is asked."""
        counts = Counter()
        for tally in self.tallies.values():
            counts.update(tally.counts)
        return counts

    def count(self) -> int:
        return sum(map(self._count_in, self.settlements))

    def __len__(self):
        return self.count()

    def __getitem__(self, part: slice) -> list[FoundResult]:
        spans, before = {}, 0
        for pk in self.settlements:
            number = self._count_in(pk)
            first, last = max(part.start - before, 0), min(part.stop - before, number)
            if first < last:
                spans[pk] = slice(first, last)
            before += number
        self._load(self._settlements_of_examples() | spans.keys())
        return join_items(
            (self.settlements[pk], result)
            for pk, span in spans.items()
            for result in [each for each in self._loaded[pk] if self._is_asked(each)][span]
        )

    def __iter__(self) -> Iterator[FoundResult]:
        for found in iter_results(list(self.settlements.values())):
            if self._is_asked(found.result):
                yield found

    def list_examples(self) -> dict[str, FoundResult]:
        """Return a result for each check that has one: rather one that compares two numbers."""
        self._load(self._settlements_of_examples())
        found = join_items(
            (self.settlements[pk], result)
            for check, (pk, place) in self._examples.items()
            for result in self._loaded[pk][place : place + 1]
            if result.check == check
        )
        return {each.result.check.value: each for each in found}

    @cached_property
    def _examples(self) -> dict[str, tuple[int, int]]:
        """Return the settlement and the place of the best example of each check."""
        best = {}
        for number, pk in enumerate(self.settlements):
            for check, (*rank, place) in self.tallies[pk].examples.items():
                if check not in best or (*rank, number) < best[check][0]:
                    best[check] = (*rank, number), (pk, place)
        return {check: found for check, (_, found) in best.items()}

    def _settlements_of_examples(self) -> set[int]:
        return {pk for pk, _ in self._examples.values()} if self.with_examples else set()

    def _count_in(self, pk: int) -> int:
        return sum(
            number
            for (check, status), number in self.tallies[pk].counts.items()
            if self.check in (None, check) and self.status in (None, status)
        )

    def _is_asked(self, result: CheckResult) -> bool:
        return self.check in (None, result.check) and self.status in (None, result.status)

    def _load(self, needed: set[int]):
        """Work out the results of some settlements, and forget the others."""
        known = {pk: self._loaded[pk] for pk in needed & self._loaded.keys()}
        self._loaded = known | find_results(needed - known.keys())


def load_tallies(
    settlements: Sequence[int], edition: Edition
) -> tuple[dict[int, Tally], dict[int, list[CheckResult]]]:
    """Return the tallies of some public settlements, and those results that were worked out last.

    Both by the primary keys of the settlements. Tallies are kept with the edition, which was asked
    before the content; what was kept with another one, or for another release, is never read.
    """
    key = f"checks:{edition.tag}{RELEASE[:16]}"
    known = cache.get(key) or {}
    missing, found = [pk for pk in settlements if pk not in known], {}
    for start in range(0, len(missing), SETTLEMENTS_AT_ONCE):
        found = find_results(missing[start : start + SETTLEMENTS_AT_ONCE])
        known |= {pk: make_tally(results) for pk, results in found.items()}
    if missing and find_edition() == edition:
        cache.set(key, known, KEPT_SECONDS)
    return {pk: known[pk] for pk in settlements}, found


def make_tally(results: Iterable[CheckResult]) -> Tally:
    counts, examples = Counter(), {}
    for place, result in enumerate(results):
        check = result.check.value
        counts[check, result.status.value] += 1
        example = (result.actual is None, result.status != CheckStatus.PARTIAL, place)
        examples[check] = min(examples.get(check, example), example)
    return Tally(dict(counts), examples)


def find_results(settlements: Iterable[int]) -> dict[int, list[CheckResult]]:
    """Return all results of some settlements by their primary keys, in four queries."""
    settlements = list(settlements)
    facts = load_item_facts(settlements) if settlements else {}
    return {pk: check_settlement(facts.get(pk, [])) for pk in settlements}


def iter_results(settlements: Sequence[Settlement]) -> Iterator[FoundResult]:
    """Yield all results of some settlements with their items, some settlements at a time."""
    for start in range(0, len(settlements), SETTLEMENTS_AT_ONCE):
        some = settlements[start : start + SETTLEMENTS_AT_ONCE]
        results = find_results(settlement.pk for settlement in some)
        yield from join_items((each, result) for each in some for result in results[each.pk])


def join_items(pairs: Iterable[tuple[Settlement, CheckResult]]) -> list[FoundResult]:
    """Return results, each with its item, which knows the settlement given; in one query.

    Those at an item that was taken away meanwhile are left out.
    """
    pairs = list(pairs)
    settlements = {settlement.pk: settlement for settlement, _ in pairs}
    items = SettlementItem.objects.filter(settlement__in=list(settlements)).order_by()
    if len(pairs) <= MOST_CODES:
        items = items.filter(code__in={result.code for _, result in pairs})
    found = {}
    for item in items.only("code", "name", "settlement") if pairs else ():
        item.settlement = settlements[item.settlement_id]
        found[item.settlement_id, item.code] = item
    return [
        FoundResult(found[place], result)
        for settlement, result in pairs
        if (place := (settlement.pk, result.code)) in found
    ]


def list_counts(counts: Counter) -> list[tuple[CheckName, list[int]]]:
    """Return every check with a number for each status."""
    return [(check, [counts[check, status] for status in CheckStatus]) for check in CheckName]
