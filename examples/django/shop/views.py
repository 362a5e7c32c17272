"""The pages of the shop, and the captcha on one of them."""

import secrets

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.templatetags.static import static
from django.views.decorators.cache import never_cache

from shop.models import Tea

LETTERS = "ABCDEFGHKLMNPRSTUVWXYZ"


def front(request: HttpRequest) -> HttpResponse:
    """Show all teas."""
    return render(request, "shop/front.html", {"teas": Tea.objects.all()})


def tea(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one tea, and how to make it."""
    return render(request, "shop/tea.html", {"tea": get_object_or_404(Tea, slug=slug)})


@never_cache
def visit(request: HttpRequest) -> HttpResponse:
    """Show the form that announces a visit, with a captcha."""
    expected = request.session.pop("captcha", None) if request.method == "POST" else None
    is_right = expected is not None and request.POST.get("letters", "").strip().upper() == expected
    return render(request, "shop/visit.html", {"is_right": is_right, "is_sent": request.method == "POST"})


@never_cache
def captcha(request: HttpRequest) -> HttpResponse:
    """Draw five random letters."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(5))
    request.session["captcha"] = letters
    context = {"letters": [(22 + 34 * place, letter) for place, letter in enumerate(letters)]}
    return render(request, "shop/captcha.svg", context, content_type="image/svg+xml")


def favicon(request: HttpRequest) -> HttpResponse:
    """Redirect to the icon; pages of the admin name none."""
    return redirect(static("shop/images/leaf.svg"))
