"""All settings, read from environment variables (see env.example); a missing one fails loudly."""

import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(BASE_DIR / ".env")  # written by `make`; real environment variables win

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
HTTPS = env.bool("HTTPS", default=True)
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)

if len(SECRET_KEY) < 50 and not DEBUG:
    raise ImproperlyConfigured("SECRET_KEY must have at least 50 random characters.")
if not ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the host that the portal answers for.")

PREFECTURE_NAME = env.str("PREFECTURE_NAME", default="群馬県")
SITE_NAME = env.str("SITE_NAME", default=f"{PREFECTURE_NAME} 政策と決算のポータル")
# Who answers for the site, as the accessibility statement names them, and where to write to.
CONTACT_NAME = env.str("CONTACT_NAME", default=PREFECTURE_NAME)
CONTACT_URL = env.str("CONTACT_URL", default="")

INSTALLED_APPS = [
    "portal",
    "initiatives",
    "budgets",
    "portal.apps.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.sitemaps",
    "axes",
    "csp",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "import_export",
]

# What sets the headers that every answer has, a refusal too.
HEADER_MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "portal.security_headers.security_headers_middleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
MIDDLEWARE = [
    "portal.rate_limit.rate_limit_middleware",
    "portal.routers.replica_middleware",
    "portal.due_revisions.due_revisions_middleware",
    "portal.page_cache.page_cache_middleware",
    *HEADER_MIDDLEWARE,
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.api_http.api_middleware",
    "portal.outage.outage_middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "portal.audit.audit_middleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.site",
            ],
        },
    },
]

# Database: SQLite in WAL mode unless DATABASE_URL says otherwise.
database = env.db_url("DATABASE_URL", default=f"sqlite:///{quote(str(BASE_DIR))}/portal.sqlite3")
match database.get("ENGINE"):
    case "django.db.backends.sqlite3":
        options = {
            # IMMEDIATE: a writer waits its turn at BEGIN instead of failing in the middle.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
        # Who closes the last connection writes the whole log back: not after each request.
        database["CONN_MAX_AGE"] = None
    case "django.db.backends.postgresql":
        pool_size = env.int("DATABASE_POOL_SIZE", default=8)
        database["ENGINE"] = "portal.postgresql"
        # Seconds until the server itself is asked whether it is there. A pool that kept trying
        # would wait longer and longer between two attempts, and find the server back too late.
        pool = {"min_size": 1, "max_size": pool_size, "timeout": 2, "reconnect_timeout": 5}
        options = {
            "connect_timeout": 5,
            # A host that fell silent is given up after so long, in seconds (the last: milliseconds).
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 25_000,
        }
        if pool_size:
            # What a statement and a transaction that does nothing may last; and no query is compiled
            # to machine code, which takes longer than it runs. Poolers refuse all of these.
            limits = "-c statement_timeout=120s -c idle_in_transaction_session_timeout=300s"
            options |= {"pool": pool, "options": f"{limits} -c jit=off"}
        database["CONN_HEALTH_CHECKS"] = True
    case _:
        raise ImproperlyConfigured("DATABASE_URL must begin with postgres:// or sqlite:///.")
database["OPTIONS"] = options | database.get("OPTIONS", {})
DATABASES = {"default": database}

# A streaming replica answers what anonymous visitors read, while it is no more behind than this.
REPLICA_MAX_LAG_SECONDS = env.int("REPLICA_MAX_LAG_SECONDS", default=30)
if env.str("DATABASE_REPLICA_URL", default=""):
    replica = env.db_url("DATABASE_REPLICA_URL")
    is_postgresql = replica.get("ENGINE") == "django.db.backends.postgresql"
    if not is_postgresql or database["ENGINE"] != "portal.postgresql":
        raise ImproperlyConfigured(
            "DATABASE_REPLICA_URL must begin with postgres://, and DATABASE_URL as well."
        )
    # Readers do not wait for a replica that is lost or hangs: the primary is there.
    waits = {"connect_timeout": 2, "tcp_user_timeout": 3000}
    if pool_size:
        from portal.postgresql.patience import PatientConnection

        waits["pool"] = pool | {"connection_class": PatientConnection}
    replica["OPTIONS"] = options | waits | replica.get("OPTIONS", {})
    replica |= {
        "ENGINE": "portal.postgresql",
        "CONN_HEALTH_CHECKS": True,
        "TEST": {"MIRROR": "default"},
    }
    DATABASES["replica"] = replica
    DATABASE_ROUTERS = ["portal.routers.ReplicaRouter"]
if REPLICA_MAX_LAG_SECONDS < 5:
    raise ImproperlyConfigured("REPLICA_MAX_LAG_SECONDS must be 5 or more.")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FIXTURE_DIRS = [BASE_DIR / "fixtures"]

LANGUAGE_CODE = "ja"
LANGUAGES = [("ja", "日本語")]
TIME_ZONE = "Asia/Tokyo"
USE_I18N = True
USE_TZ = True

# The portal keeps counts and checksums in one cache, whole pages in the other; several hosts share
# both. A page is kept as it is and in the codings asked for: 1,500 entries are 500 pages or more.
CACHE = env.cache_url("CACHE_URL", default="locmemcache://")
if CACHE["BACKEND"].endswith("RedisCache"):
    CACHE["BACKEND"] = "portal.shared_cache.SharedCache"
PAGES = (
    {"LOCATION": "pages", "OPTIONS": {"MAX_ENTRIES": 1500}} if "locmem" in CACHE["BACKEND"] else {}
)
CACHES = {"default": CACHE, "pages": CACHE | PAGES | {"KEY_PREFIX": "page"}}
if DEBUG:  # a template that is edited shows at once
    CACHES["pages"] = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
# So long a shared cache (CDN) answers a public page without asking; 0: it asks each time.
CDN_SECONDS = env.int("CDN_SECONDS", default=60)
# How often one address may ask the API: a number per s, min or hour; 0 sets no limit.
API_RATE = env.str("API_RATE", default="3000/min")

# How often it may search: on a page, in a list, through the API.
SEARCH_RATE = env.str("SEARCH_RATE", default="300/min")

for name, rate in {"API_RATE": API_RATE, "SEARCH_RATE": SEARCH_RATE}.items():
    if not re.fullmatch(r"0|[1-9]\d{0,8}/(s|min|hour)", rate):
        raise ImproperlyConfigured(f"{name} must be 0, or a number per s, min or hour: 120/min.")

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", default=str(BASE_DIR / "media")))
STORAGES = {
    "default": {"BACKEND": "portal.media.MediaStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# Entry: lock-out after failures, the second factor, the end of a session.
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
LOGIN_LOCK_MINUTES = env.int("LOGIN_LOCK_MINUTES", default=15)
AXES_FAILURE_LIMIT = env.int("LOGIN_FAILURE_LIMIT", default=5)
AXES_COOLOFF_TIME = timedelta(minutes=LOGIN_LOCK_MINUTES)
# By name, from wherever the guesses come; never by address alone, which a whole office shares.
AXES_LOCKOUT_PARAMETERS = ["username", ["username", "ip_address"]]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "portal.audit.client_address"
AXES_LOCKOUT_CALLABLE = "portal.staff_site.show_lockout"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
OTP_TOTP_ISSUER = SITE_NAME
REQUIRE_SECOND_FACTOR = env.str("REQUIRE_SECOND_FACTOR", default="off")
SESSION_IDLE_MINUTES = env.int("SESSION_IDLE_MINUTES", default=120)
SESSION_COOKIE_AGE = env.int("SESSION_HOURS", default=12) * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True

if REQUIRE_SECOND_FACTOR not in ("off", "administrators", "all"):
    raise ImproperlyConfigured("REQUIRE_SECOND_FACTOR must be off, administrators or all.")
if min(LOGIN_LOCK_MINUTES, AXES_FAILURE_LIMIT, SESSION_IDLE_MINUTES, SESSION_COOKIE_AGE) < 1:
    raise ImproperlyConfigured("The limits of logins and sessions must be 1 or more.")

# Transport and headers. HTTPS=0 is for a trial on this machine only.
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024
FILE_UPLOAD_PERMISSIONS = 0o640
# A settlement's tree edited in one admin page posts many fields.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000

IMPORT_EXPORT_USE_TRANSACTIONS = True
IMPORT_EXPORT_SKIP_ADMIN_LOG = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    # An outage is told in one line (portal/outage.py), not in a traceback for each request.
    "filters": {
        "no_outage": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: getattr(record, "status_code", 0) != 503,
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    # Scanners ask for foreign hosts all day; they get a 400 and no traceback in the log.
    "loggers": {
        "django.security.DisallowedHost": {"handlers": [], "propagate": False},
        "django.request": {"filters": ["no_outage"]},
        "axes": {"level": "WARNING"},  # tells each step of each login otherwise
    },
}
