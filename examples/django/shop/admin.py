"""The shop in Django's admin."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from shop.models import Tea

admin.site.site_header = _("Teahouse: the back room")
admin.site.site_title = _("Teahouse")
admin.site.index_title = _("What there is")


@admin.register(Tea)
class TeaAdmin(admin.ModelAdmin):
    """Teas; the slug follows from the name."""

    list_display = ("name", "colour", "origin", "cents")
    list_filter = ("colour",)
    search_fields = ("name", "origin")
    prepopulated_fields = {"slug": ("name",)}  # noqa: RUF012  # as in Django's documentation
