"""The application for ASGI servers: ``uvicorn teahouse.asgi:application``."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "teahouse.settings")
application = get_asgi_application()
