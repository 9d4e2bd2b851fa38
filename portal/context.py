from django.conf import settings


def site(request):
    """Give every template the names of the site and of its prefecture."""
    return {"site_name": settings.SITE_NAME, "prefecture_name": settings.PREFECTURE_NAME}
