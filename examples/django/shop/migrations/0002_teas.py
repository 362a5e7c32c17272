"""The first teas of the shop."""

from django.db import migrations

TEAS = [
    (
        *("Misty Steps", "misty-steps", "green", "Hangzhou, China"),
        *("Chestnut and fresh peas; pan-fired by hand.", "Marone und frische Erbsen; von Hand geröstet."),
        *(1450, 80, 2),
    ),
    (
        *("Shaded Morning", "shaded-morning", "green", "Uji, Japan"),
        *(
            "Three weeks under straw made it sweet and deep green.",
            "Drei Wochen unter Stroh: süß und tiefgrün.",
        ),
        *(2150, 60, 2),
    ),
    (
        *("Silver Down", "silver-down", "white", "Fuding, China"),
        *("Nothing but buds, dried in the sun: melon and hay.", "Nur Knospen, in der Sonne getrocknet."),
        *(1890, 85, 4),
    ),
    (
        *("Iron Orchid", "iron-orchid", "oolong", "Anxi, China"),
        *("Rolled tight; it opens over seven pots.", "Fest gerollt; er öffnet sich über sieben Kannen."),
        *(1620, 90, 3),
    ),
    (
        *("High Cloud", "high-cloud", "oolong", "Nantou, Taiwan"),
        *(
            "From above two thousand metres: cream and lilac.",
            "Aus über zweitausend Metern: Rahm und Flieder.",
        ),
        *(2400, 95, 3),
    ),
    (
        *("Second Flush", "second-flush", "black", "Darjeeling, India"),
        *("Muscat and cedar, for the afternoon.", "Muskat und Zeder, für den Nachmittag."),
        *(1290, 95, 4),
    ),
]
FIELDS = ("name", "slug", "colour", "origin", "summary_en", "summary_de", "cents", "degrees", "minutes")


def fill(apps, schema_editor):
    """Insert the teas."""
    tea = apps.get_model("shop", "Tea")
    tea.objects.bulk_create(tea(**dict(zip(FIELDS, row, strict=True))) for row in TEAS)


class Migration(migrations.Migration):
    """Fills the table; undoing it changes nothing."""

    dependencies = (("shop", "0001_initial"),)
    operations = (migrations.RunPython(fill, migrations.RunPython.noop),)
