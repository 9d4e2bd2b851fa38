"""Which release of the code this is: the same records may read otherwise after it has changed."""

import hashlib
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
SOURCES = [
    path
    for pattern in (
        "portal/**/*.py",
        "initiatives/**/*.py",
        "budgets/**/*.py",
        "templates/**/*.*",
        "portal/static/**/*.*",
        "constraints.txt",
    )
    for path in sorted(ROOT.glob(pattern))
]
# What pages say that stands in no record and in no template.
SAID = (
    settings.SITE_NAME,
    settings.PREFECTURE_NAME,
    settings.CONTACT_NAME,
    settings.CONTACT_URL,
    settings.DEBUG,
)


def _hash_sources() -> str:
    found = hashlib.sha256(repr(SAID).encode())
    for path in SOURCES:
        found.update(path.read_bytes())
    return found.hexdigest()


RELEASE = _hash_sources()
RELEASED_AT = int(max(path.stat().st_mtime for path in SOURCES))
