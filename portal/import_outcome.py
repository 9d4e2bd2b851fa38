"""What a preview found, kept so that its confirmation goes straight to writing where nothing changed.

Only for parts of records that are drafts already: of these an import brings many. It holds as long
as all that the examination read is what it was: the content, by its edition, the user's rights, the
code.
"""

import hashlib
import zlib
from itertools import islice

import orjson
from django.db import DataError, IntegrityError, transaction

from .edition import find_edition, holding_edition
from .import_results import RecordResult, iter_lines
from .import_targets import find_targets
from .release import RELEASE
from .rights import rights_of
from .row_writing import Change, uncollected

TOGETHER = 500


def find_premises(user) -> str:
    """Return what an examination rests on, as a hash; asked before it."""
    rights = rights_of(user)
    sets = sorted(rights.editing), sorted(rights.approving)
    premises = repr((find_edition().tag, rights.is_over_all, sets, RELEASE))
    return hashlib.sha256(premises.encode()).hexdigest()


def pack_outcome(run, premises: str) -> bytes | None:
    """Return what the preview of an import found; None where it must be examined again anyway."""
    if run.is_root or run.model._meta.many_to_many:
        return None
    if any(target.needs_revision for target in run.changed_targets):
        return None
    packer, packed = zlib.compressobj(1), []
    changes = iter(run.changes)
    lines = iter(lambda: [(c.number, c.record, c.stored) for c in islice(changes, TOGETHER)], [])
    for line in ([premises, list(run.changed_roots)], *lines):
        # A number or a moment is kept as its text, which both databases read.
        packed.append(packer.compress(orjson.dumps(line, default=str) + b"\n"))
    return b"".join([*packed, packer.flush()])


class KeptImport:
    """An import by the outcome of its preview: what `write_import` asks of a RecordImport."""

    is_root = False

    def __init__(self, resource, user, outcome: bytes):
        self.resource, self.user, self.rights = resource, user, rights_of(user)
        self.model, self.root_model = resource._meta.model, resource.root_model
        lines = iter_lines(outcome)
        self.premises, roots = next(lines)
        self.roots = {tuple(key) for key in roots}
        self.lines = lines

    def run(self, write) -> RecordResult | None:
        """Write it; None, and nothing is saved, where it does not hold any more."""
        self.result = RecordResult()
        try:
            with transaction.atomic(), uncollected():
                targets = find_targets(
                    self.root_model, self.resource.root_paths, self.roots, self.rights, lock=True
                )
                if find_premises(self.user) != self.premises:
                    return None
                self.changed_targets = list(targets.values())
                self.changes = [Change(*change, {}) for line in self.lines for change in line]
                with holding_edition(), self.resource.around_import():
                    write(self)
        except (DataError, IntegrityError):
            return None
        return self.result
