from django.core.management.commands import loaddata

from portal.search_index import hold_indexing


class Command(loaddata.Command):
    """Django's own loaddata, with the search index brought up to date once, at the end."""

    def loaddata(self, fixture_labels):
        with hold_indexing():
            super().loaddata(fixture_labels)
