"""Addresses of the site: pages for people, `/api/` for programs, `/admin/` for staff."""

from django.contrib import admin
from django.urls import include, path

from webapp.arena.api import api
from webapp.bardloop_site.robots import robots
from webapp.bardloop_site.security_txt import security_txt

urlpatterns = [
    path("", include("webapp.arena.urls")),
    path("api/", api.urls),
    path("admin/", admin.site.urls),
    path("robots.txt", robots),
    path(".well-known/security.txt", security_txt),
]

handler400 = "webapp.arena.refusals.bad_request"
handler403 = "webapp.arena.refusals.permission_denied"
handler404 = "webapp.arena.refusals.page_not_found"
handler500 = "webapp.arena.refusals.server_error"
