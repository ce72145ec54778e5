"""Addresses of the pages for people."""

from django.urls import path

from webapp.arena.moves import Move
from webapp.arena.views import account
from webapp.arena.views.comparison import again, comparison
from webapp.arena.views.health import health
from webapp.arena.views.home import home
from webapp.arena.views.mine import data, erase, mine, withdraw
from webapp.arena.views.move import move
from webapp.arena.views.replies import replies
from webapp.arena.views.start import start_scene, start_surprise
from webapp.arena.views.stream import stream
from webapp.arena.views.vote import reasons, vote
from webapp.arena.views.welcome import welcome
from webapp.arena.views.write import write

app_name = "arena"
urlpatterns = [
    path("", home, name="home"),
    path("health", health, name="health"),
    path("write/", write, name="write"),
    path("welcome/", welcome, name="welcome"),
    path("mine/", mine, name="mine"),
    path("mine/data.json", data, name="data"),
    path("mine/erase/", erase, name="erase"),
    path("mine/votes/<int:vote_id>/withdraw/", withdraw, name="withdraw"),
    path("account/sign-up/", account.sign_up, name="sign-up"),
    path("account/log-in/", account.log_in, name="log-in"),
    path("account/log-out/", account.log_out, name="log-out"),
    path("account/password/", account.password, name="password"),
    path("surprise/", start_surprise, name="surprise"),
    path("scenes/<slug:slug>/start/", start_scene, name="start"),
    path("comparisons/<uuid:comparison_id>/", comparison, name="comparison"),
    path("comparisons/<uuid:comparison_id>/stream/", stream, name="stream"),
    path("comparisons/<uuid:comparison_id>/vote/", vote, name="vote"),
    path("comparisons/<uuid:comparison_id>/replies/", replies, name="replies"),
    path("comparisons/<uuid:comparison_id>/reasons/", reasons, name="reasons"),
    path("comparisons/<uuid:comparison_id>/again/", again, name="again"),
    *(path(f"comparisons/<uuid:comparison_id>/{kind}/", move, {"kind": kind}, name=kind) for kind in Move),
]
