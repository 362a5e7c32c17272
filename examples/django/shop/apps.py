"""The name of the app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ShopConfig(AppConfig):
    """The app in this folder."""

    name = "shop"
    verbose_name = _("Shop")
