"""The URLs of the project. Only the pages of the shop have one for each language."""

from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.urls import include, path
from shop.views import captcha, favicon

urlpatterns = [
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("favicon.ico", favicon),
    path("captcha/", captcha, name="captcha"),
    *i18n_patterns(path("", include("shop.urls"))),
]
