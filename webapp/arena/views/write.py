"""GET and POST /write/: a scene of one's own."""

from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from webapp.arena.engine import EngineFault
from webapp.arena.forms import OwnSceneForm
from webapp.arena.refusals import Refusal
from webapp.arena.views.start import begin


@require_http_methods(["GET", "HEAD", "POST"])
def write(request):
    """The form; once it is right, the comparison. What was written is never lost: a fault shows it again."""
    form = OwnSceneForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "arena/write.html", {"form": form}, status=400 if form.is_bound else 200)
    try:
        return begin(request, form.opening())
    except EngineFault as fault:
        return _shown_again(request, fault)


def _shown_again(request, refusal: Refusal):
    """The form with all that was typed, and why it was not taken."""
    context = {"form": OwnSceneForm(request.POST), "refusal": refusal}
    return render(request, "arena/write.html", context, status=refusal.status)


write.when_refused = _shown_again
