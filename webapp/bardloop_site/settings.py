"""Settings of the voting site. What differs between machines comes from the environment (docs/operations.md)."""

import datetime
import os
import pathlib

import dj_database_url
from csp.constants import NONE, SELF

from webapp.access.limits import DEFAULTS, MOST_BYTES
from webapp.arena.consent import terms_from_environment
from webapp.bardloop_site.environment import address, contact, number, per_minute, required, switch, words

PACKAGE = pathlib.Path(__file__).resolve().parent

SECRET_KEY = required("DJANGO_SECRET_KEY", "any-long-random-text")
DEBUG = bool(words("DJANGO_DEBUG", ""))
ALLOWED_HOSTS = words("DJANGO_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
CSRF_TRUSTED_ORIGINS = words("DJANGO_CSRF_TRUSTED_ORIGINS", "")

# --- the inference engine -------------------------------------------------------------------------------------
INFERENCE_URL = address("BARDLOOP_INFERENCE_URL", "http://127.0.0.1:8001")
INFERENCE_KEY = os.environ.get("BARDLOOP_API_KEY", "")
REPLY_TEMPERATURE = number("BARDLOOP_REPLY_TEMPERATURE", 0.8, 0, 2)
REPLY_TOKENS = int(number("BARDLOOP_REPLY_TOKENS", 160, 1, 4096))
REPLY_TIMEOUT_S = number("BARDLOOP_REPLY_TIMEOUT_S", 180, 1, 3600)

# --- programs that read the votes -----------------------------------------------------------------------------
EXPORT_KEY = os.environ.get("BARDLOOP_EXPORT_KEY", "")

# --- how often, and for whom (webapp/access) -------------------------------------------------------------------
LIMITS = per_minute("BARDLOOP_LIMITS", DEFAULTS)
PROXIES = int(number("BARDLOOP_PROXIES", 0, 0, 10))
SECURITY_CONTACT = contact("BARDLOOP_SECURITY_CONTACT")

# --- the people who vote --------------------------------------------------------------------------------------
TERMS = terms_from_environment()
ACCOUNTS = switch("BARDLOOP_ACCOUNTS", True)

# --- the site -------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "webapp.insights.apps.InsightsConfig",
    "webapp.insights.apps.BardloopAdminConfig",  # the Django admin with our statistics in it
    "webapp.arena.apps.ArenaConfig",
    "webapp.access.apps.AccessConfig",
    "axes",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "ninja",  # serves the API's documentation page from our own static files
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "webapp.bardloop_site.headers.Headers",
    "webapp.bardloop_site.static_files.StaticFiles",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "webapp.bardloop_site.request_limits.RequestLimits",
    "webapp.arena.refusals.RefusalMiddleware",
    "webapp.arena.gatekeeping.ConsentMiddleware",
    "axes.middleware.AxesMiddleware",
    "webapp.access.middleware.AccessMiddleware",
]
ROOT_URLCONF = "webapp.bardloop_site.urls"
ASGI_APPLICATION = "webapp.bardloop_site.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- PostgreSQL -----------------------------------------------------------------------------------------------
DATABASES = {"default": dj_database_url.parse(required("DATABASE_URL", "postgresql://user:password@host/bardloop"))}
# Under ASGI each request runs in a thread of its own, so connections that Django keeps by thread are never used again.
DATABASES["default"] |= {
    "ENGINE": "dj_db_conn_pool.backends.postgresql",
    "POOL_OPTIONS": {"POOL_SIZE": 8, "MAX_OVERFLOW": 8, "TIMEOUT": 30, "PRE_PING": True, "RECYCLE": 600},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- text, time, static files ---------------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # files come straight from the apps: no collectstatic step to forget

# --- security -------------------------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],  # the API's documentation page draws its icons from data: addresses
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "webapp.arena.refusals.csrf_failure"
DATA_UPLOAD_MAX_MEMORY_SIZE = MOST_BYTES

# An origin with https:// says that people reach the site by HTTPS; everything that follows from it hangs on that.
HTTPS = any(origin.startswith("https://") for origin in CSRF_TRUSTED_ORIGINS)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
# Programs of the same network (Airflow, health checks) ask without TLS; redirecting them would not hide their key.
SECURE_REDIRECT_EXEMPT = [r"^health$", r"^api/"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PROXIES else None
# HSTS speaks for this host only: whether its subdomains have certificates is not for the site to say.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

LOGIN_REDIRECT_URL = "arena:home"  # for who comes from nowhere, or asks to be led to another site

# Log-ins: after so many wrong passwords for one name from one address, both together have to wait.
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = datetime.timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "webapp.access.addresses.mark"
AXES_USERNAME_CALLABLE = "webapp.access.log_ins.username"
AXES_LOCKOUT_CALLABLE = "webapp.access.log_ins.locked_out"
AXES_DISABLE_ACCESS_LOG = True  # who logged in when is nobody's business; wrong log-ins are forgotten with their lock

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    # httpx tells every request at INFO: the models asked would stand in the log beside the comparison's address.
    "loggers": {
        "httpx": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        "django": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}
