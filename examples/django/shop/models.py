"""The teas that the shop sells."""

from django.db import models
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _


class Tea(models.Model):
    """A tea, in tins of one size."""

    class Colour(models.TextChoices):
        """The colour in the cup; each has a picture of a tin."""

        GREEN = "green", _("green")
        WHITE = "white", _("white")
        OOLONG = "oolong", _("oolong")
        BLACK = "black", _("black")

    name = models.CharField(_("name"), max_length=80, unique=True)
    slug = models.SlugField(_("slug"), unique=True)
    colour = models.CharField(_("colour"), max_length=10, choices=Colour.choices)
    origin = models.CharField(_("origin"), max_length=80)
    summary_en = models.CharField(_("summary in English"), max_length=200)
    summary_de = models.CharField(_("summary in German"), max_length=200)
    cents = models.PositiveIntegerField(_("price in cents"))
    grams = models.PositiveIntegerField(_("grams"), default=80)
    degrees = models.PositiveIntegerField(_("water, in °C"))
    minutes = models.PositiveIntegerField(_("minutes to steep"))

    class Meta:
        """The order of teas, and their name in the admin."""

        ordering = ("name",)
        verbose_name = _("tea")
        verbose_name_plural = _("teas")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the URL of this tea's page in the current language."""
        return reverse("tea", args=[self.slug])

    @property
    def summary(self) -> str:
        """The summary in the current language."""
        return self.summary_de if get_language() == "de" else self.summary_en

    @property
    def picture(self) -> str:
        """The logical path of the picture of its tin."""
        return f"shop/images/tin-{self.colour}.svg"
