import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_wsgi_application()

from .fast_lane import take_fast_lane  # noqa: E402  needs the settings

application = take_fast_lane(application)

# What a process holds from its start is never garbage, and a page makes thousands of objects:
# to look through all of them for cycles again and again took up to a half of the time.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 20)
