"""The table of teas."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Makes the table."""

    initial = True

    dependencies = ()

    operations = (
        migrations.CreateModel(
            name="Tea",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80, unique=True, verbose_name="name")),
                ("slug", models.SlugField(unique=True, verbose_name="slug")),
                (
                    "colour",
                    models.CharField(
                        choices=[
                            ("green", "green"),
                            ("white", "white"),
                            ("oolong", "oolong"),
                            ("black", "black"),
                        ],
                        max_length=10,
                        verbose_name="colour",
                    ),
                ),
                ("origin", models.CharField(max_length=80, verbose_name="origin")),
                ("summary_en", models.CharField(max_length=200, verbose_name="summary in English")),
                ("summary_de", models.CharField(max_length=200, verbose_name="summary in German")),
                ("cents", models.PositiveIntegerField(verbose_name="price in cents")),
                ("grams", models.PositiveIntegerField(default=80, verbose_name="grams")),
                ("degrees", models.PositiveIntegerField(verbose_name="water, in °C")),
                ("minutes", models.PositiveIntegerField(verbose_name="minutes to steep")),
            ],
            options={
                "verbose_name": "tea",
                "verbose_name_plural": "teas",
                "ordering": ("name",),
            },
        ),
    )
