"""Django's admin for gunicorn, with static files from the output of a build."""

# Django has no types.
# mypy: disable-error-code="import-untyped, misc"
from __future__ import annotations

import os

import django
from django.conf import settings
from django.contrib.staticfiles.storage import StaticFilesStorage

from hashserve import HashServe, Manifest

OUT = os.environ["HASHSERVE_OUT"]
NAMES = Manifest.load(os.path.join(OUT, "staticfiles.json")).paths

urlpatterns: list[object] = []


class Fingerprinted(StaticFilesStorage):
    """A storage that returns the names in the manifest. A missing name is an error."""

    def url(self, name: str) -> str:
        return f"/static/{NAMES[name]}"


settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.path.join(os.environ["HASHSERVE_FOLDER"], "database"),
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "django.contrib.staticfiles",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="not secret",
    STATIC_URL="/static/",
    STORAGES={"staticfiles": {"BACKEND": f"{__name__}.Fingerprinted"}},
    TEMPLATES=[
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
    ],
    USE_TZ=True,
)
django.setup()

from django.contrib import admin  # noqa: E402  # needs the settings
from django.contrib.admin.models import LogEntry  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402


@admin.register(LogEntry)
class LogEntryAdmin(admin.ModelAdmin):
    """A page with a field that select2 searches."""

    autocomplete_fields = ("user",)


urlpatterns += [
    path("admin/", admin.site.urls),
    path("favicon.ico", lambda request: HttpResponse(status=204)),
]
call_command("migrate", verbosity=0)
User.objects.create_superuser("admin", password="secret")
application = HashServe(get_wsgi_application(), root=OUT, prefix="/static/")
