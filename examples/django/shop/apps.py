"""How Django names the shop."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ShopConfig(AppConfig):
    """The application of this folder."""

    name = "shop"
    verbose_name = _("Shop")
