"""The settings. README.md lists the environment variables that change them."""

import os
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = os.environ.get("DEBUG") == "1"
SECRET_KEY = os.environ.get("SECRET_KEY", "not secret: set SECRET_KEY in production")
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost 127.0.0.1").split()

INSTALLED_APPS = [
    "hashserve.django",
    "shop",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "hashserve.django.middleware.HashServeMiddleware",
    "django.middleware.cache.UpdateCacheMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.cache.FetchFromCacheMiddleware",
]

ROOT_URLCONF = "teahouse.urls"
WSGI_APPLICATION = "teahouse.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DATABASE", str(BASE_DIR / "teahouse.sqlite3")),
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("de", _("German"))]
TIME_ZONE = "UTC"
USE_TZ = True


# The static files

STATIC_URL = os.environ.get("STATIC_URL", "static/")
STATIC_ROOT = os.environ.get("STATIC_ROOT", str(BASE_DIR / "static"))

# "Manifest" keeps the fingerprinted names in STATIC_ROOT. "Cached" keeps them in the cache, so a process that
# only renders pages needs no STATIC_ROOT.
STATICFILES = os.environ.get("STATICFILES", "Manifest")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": f"hashserve.django.storage.{STATICFILES}StaticFilesStorage"},
}

HASHSERVE = {
    # For `import { price } from "money"` in shop.js.
    "IMPORT_MAP_BARE": {"money": "shop/js/money.js"},
    "EXPIRES": os.environ.get("EXPIRES") == "1",
}

# The fonts come from django-unfold. Without it, pages use the system's fonts.
_unfold = find_spec("unfold")
if _unfold is not None and _unfold.origin is not None:
    STATICFILES_DIRS = [("fonts/inter", str(Path(_unfold.origin).parent / "static/unfold/fonts/inter"))]


# The cache of pages, and with "Cached" also of names

_BACKENDS = {
    "locmem": "django.core.cache.backends.locmem.LocMemCache",
    "memcached": "django.core.cache.backends.memcached.PyMemcacheCache",
    "redis": "django.core.cache.backends.redis.RedisCache",
}
CACHE_URL = os.environ.get("CACHE_URL", "locmem://")
_cache = urlsplit(CACHE_URL)
CACHES = {
    "default": {
        "BACKEND": _BACKENDS[_cache.scheme],
        "LOCATION": CACHE_URL if _cache.scheme == "redis" else _cache.netloc,
    },
}
CACHE_MIDDLEWARE_SECONDS = int(os.environ.get("PAGE_CACHE_SECONDS", "0" if DEBUG else "600"))

# A page that names the files of an old release is not served from the cache after a deploy.
from hashserve.django.page_cache import ByRelease  # noqa: E402

CACHE_MIDDLEWARE_KEY_PREFIX = ByRelease("teahouse")
