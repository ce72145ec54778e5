"""GET /: the library of scenes, by tag. htmx asks for the library alone."""

from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from webapp.arena import scenes
from webapp.arena.refusals import Refusal


@require_safe
@vary_on_headers("HX-Request")
def home(request):
    """All scenes, or those with `?tag=`."""
    tag = request.GET.get("tag", "")
    if tag and tag not in scenes.tags():
        raise Refusal(404, "unknown_tag", f"No scene is tagged “{tag[:40]}”.")
    template = "arena/parts/library.html" if request.htmx else "arena/home.html"
    return render(request, template, {"tag": tag, "tags": scenes.tags(), "scenes": scenes.tagged(tag)})
