"""Settings of the voting site. What differs between machines comes from the environment (docs/operations.md)."""

import os
import pathlib

import dj_database_url
from csp.constants import NONE, SELF

from webapp.arena.consent import terms_from_environment
from webapp.bardloop_site.environment import address, number, required, words

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

# --- the people who vote --------------------------------------------------------------------------------------
TERMS = terms_from_environment()

# --- the site -------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "webapp.insights.apps.InsightsConfig",
    "webapp.insights.apps.BardloopAdminConfig",  # the Django admin with our statistics in it
    "webapp.arena.apps.ArenaConfig",
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
    "webapp.bardloop_site.static_files.StaticFiles",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "webapp.arena.refusals.RefusalMiddleware",
    "webapp.arena.gatekeeping.ConsentMiddleware",
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
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = any(origin.startswith("https://") for origin in CSRF_TRUSTED_ORIGINS)
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "webapp.arena.refusals.csrf_failure"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    # httpx tells every request at INFO: the models asked would stand in the log beside the comparison's address.
    "loggers": {"httpx": {"level": "WARNING"}, "django": {"handlers": ["stderr"], "level": "INFO", "propagate": False}},
}
