import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_wsgi_application()

from .fast_lane import take_fast_lane  # noqa: E402  needs the settings

application = take_fast_lane(application)
