"""The headers of the OWASP list that neither Django nor django-csp sets."""

from django.utils.cache import patch_cache_control

# What a page could ask a browser for, and no page here does.
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        *("accelerometer", "autoplay", "camera", "display-capture", "encrypted-media"),
        *("fullscreen", "geolocation", "gyroscope", "hid", "idle-detection", "magnetometer"),
        *("microphone", "midi", "payment", "picture-in-picture", "publickey-credentials-get"),
        *("screen-wake-lock", "serial", "sync-xhr", "usb", "xr-spatial-tracking"),
    )
)
# What the pages of other hosts may load: data, charts, pictures, the look of an embedded chart.
OPEN_TO_OTHERS = ("/api/", "/embed/", "/open-data/", "/initiatives/images/", "/feed.atom")
STAFF_PREFIX = "/admin/"


def security_headers_middleware(get_response):
    """Close an answer to what it needs not; what staff see is kept nowhere."""

    def middleware(request):
        response = get_response(request)
        is_open = request.path_info.startswith(OPEN_TO_OTHERS)
        response["Permissions-Policy"] = PERMISSIONS_POLICY
        response["Cross-Origin-Resource-Policy"] = "cross-origin" if is_open else "same-origin"
        response["X-Permitted-Cross-Domain-Policies"] = "none"
        if request.path_info.startswith(STAFF_PREFIX):
            patch_cache_control(response, private=True, no_store=True)
        return response

    return middleware
