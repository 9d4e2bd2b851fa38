"""Which record the rows of a file go into: the one they name, or the revision of what is public."""

from dataclasses import dataclass

from django.contrib.contenttypes.models import ContentType

from . import versions
from .models import Role, Slugged, Version
from .publishing import Publication, Revisable, Status
from .revisions import make_revision
from .rights import Rights

FOREIGN = (
    "ほかの部局の記録なので、取り込めません。編集者として受け持つ部局の記録だけを取り込めます。"
)
PERIOD = ["publish_from", "publish_until"]
REFUSALS = {
    Status.IN_REVIEW: "申請を取り戻すか、差し戻してもらってから取り込んでください。",
    Status.APPROVED: "公開されるのを待つか、差し戻してもらってから取り込んでください。",
    Status.WITHDRAWN: "記録のページで「下書きに戻す」を選んでから取り込んでください。",
    Status.BINNED: "ごみ箱から戻してから取り込んでください。",
}


@dataclass
class Target:
    """A record that a file names; its rows change `root`: the record itself or its revision.

    `refusal` says why they may not. `is_hidden` marks what the user must not even be told of.
    `before` is the number of the version that holds the record as it was, None for a new revision.
    """

    record: Publication
    root: Publication
    refusal: str = ""
    is_hidden: bool = False
    before: int | None = None
    is_new_revision: bool = False

    @property
    def is_revision(self) -> bool:
        return self.root is not self.record or self.needs_revision

    @property
    def needs_revision(self) -> bool:
        return self.root is self.record and is_public(self.record)

    def begin(self, user):
        """Make ready what is going to change, and keep it as it is."""
        if self.needs_revision:
            self.root, self.is_new_revision = make_revision(self.record, user), True
            return
        versions.begin_change(self.root)
        versions.save_version(self.root, "これまでの内容")
        self.before = latest_kept(self.root).number

    def finish(self, action, user) -> list:
        """Keep what the record holds now; return what undoes it, as `ImportLog.versions` tells."""
        period = [getattr(self.root, name, None) for name in PERIOD]
        self.root.refresh_from_db()
        made = versions.save_version(self.root, action, user)
        return make_entry(self.root, self.before, made.number if made else self.before, period)


def make_entry(root, before, after, period=()) -> list:
    """Return one of `ImportLog.versions`.

    The last element is the period in which the record was to be public, which no version holds.
    """
    content_type = ContentType.objects.get_for_model(root)
    return [content_type.pk, root.pk, before, after, [time and time.isoformat() for time in period]]


def latest_kept(record) -> Version | None:
    """Return the version that holds what the record holds."""
    kept = Version.objects.about(record).filter(is_deletion=False)
    return kept.order_by("-number").first()


def is_public(record) -> bool:
    return isinstance(record, Revisable) and record.status == Status.PUBLISHED


def find_targets(model, paths, keys, rights: Rights, *, lock=False) -> dict[tuple, Target]:
    """Return the records that are named by keys (the values at `paths`), by key.

    With `lock` they stay as they are until the transaction ends, but for who holds it.
    """
    records = model._base_manager.all()
    if issubclass(model, Revisable):
        records = records.filter(revises=None)
    if issubclass(model, Publication) and not issubclass(model, Slugged):
        records = records.exclude(status=Status.BINNED)  # only a slug stays taken in the bin
    named = records.filter(**{f"{paths[0]}__in": {key[0] for key in keys}})
    held = named.order_by("pk").select_for_update(of=("self",)) if lock else named
    by_pk = {record.pk: record for record in held}
    own = find_own(model, by_pk, rights)
    revisions = {}
    if issubclass(model, Revisable):
        opened = model._base_manager.filter(revises__in=by_pk)
        opened = opened.order_by("pk").select_for_update(of=("self",)) if lock else opened
        revisions = {revision.revises_id: revision for revision in opened}
    targets = {}
    for pk, *key in named.order_by().values_list("pk", *paths):
        if tuple(key) in keys and pk in by_pk:
            record = by_pk[pk]
            root = revisions.get(pk, record)
            target = Target(record, root, is_hidden=pk not in own)
            target.refusal = FOREIGN if target.is_hidden else refuse_state(record, root)
            targets[tuple(key)] = target
    return targets


def find_own(model, pks, rights: Rights) -> set[int]:
    """Return the numbers of those records that the user may write."""
    if rights.is_over_all:
        return set(pks)
    if path := getattr(model, "department_path", None):
        own = model._base_manager.filter(pk__in=pks, **{f"{path}__in": rights.editing})
        return set(own.order_by().values_list("pk", flat=True))
    return set(pks) if may_add(model, rights) else set()


def may_add(model, rights: Rights) -> bool:
    """Tell whether the user may make records of a kind; in their own departments at least."""
    if rights.is_over_all:
        return True
    is_kept = getattr(model, "kept_by", None) == Role.EDITOR
    return rights.edits and (hasattr(model, "department_path") or is_kept)


def refuse_state(record, root) -> str:
    """Return why a record in its state takes no rows; "" where it does."""
    if not isinstance(root, Publication) or root.status in (Status.DRAFT, Status.PUBLISHED):
        return ""
    what = "この記録" if root is record else "この記録の改訂案"
    return f"{what}は、いま「{root.get_status_display()}」です。{REFUSALS[root.status]}"
