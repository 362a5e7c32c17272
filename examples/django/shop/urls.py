"""The URLs of the shop's pages."""

from django.urls import path

from shop import views

urlpatterns = [
    path("", views.front, name="front"),
    path("tea/<slug:slug>/", views.tea, name="tea"),
    path("visit/", views.visit, name="visit"),
]
