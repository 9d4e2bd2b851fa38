"""Answers of the present edition as this process sends them: the shortest way to what is kept.

The kept pages (page_cache.py) stand behind, perhaps in another process: here is a copy of those that
are asked for again and again, never more than so many bytes, and never of an edition that is past.
"""

import threading
from collections import OrderedDict
from typing import NamedTuple

# What an answer takes beside its body: the headers, their list, the address that it is found by.
MORE_BYTES = 4096


class Ready(NamedTuple):
    status: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def size(self) -> int:
        return len(self.body) + MORE_BYTES


class ReadyAnswers:
    """The answers of one edition, by what was asked; the one that nobody asks for goes first."""

    def __init__(self, max_bytes: int):
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._begin("")

    def find(self, edition_tag: str, asked: tuple) -> Ready | None:
        with self._lock:
            if edition_tag != self._edition_tag:
                self._begin(edition_tag)
            if found := self._answers.get(asked):
                self._answers.move_to_end(asked)
            return found

    def keep(self, edition_tag: str, asked: tuple, answer: Ready):
        """Keep an answer of the edition that was last asked for; any other comes too late."""
        with self._lock:
            if edition_tag != self._edition_tag or asked in self._answers:
                return
            self._answers[asked] = answer
            self.size += answer.size
            while self.size > self._max_bytes:
                _, dropped = self._answers.popitem(last=False)
                self.size -= dropped.size

    def _begin(self, edition_tag: str):
        self._edition_tag, self._answers, self.size = edition_tag, OrderedDict(), 0
