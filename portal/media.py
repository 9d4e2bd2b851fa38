"""Where uploaded files are kept: whole, or not at all."""

from contextlib import suppress
from pathlib import Path

from django.core.files.storage import FileSystemStorage


class MediaStorage(FileSystemStorage):
    def _save(self, name, content):
        """Keep a file under a free name; where there is no room for all of it, keep nothing."""
        try:
            return super()._save(name, content)
        except OSError:
            with suppress(OSError):
                Path(self.path(name)).unlink(missing_ok=True)
            raise
