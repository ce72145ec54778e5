"""One look at the gate: the API gives it out, and the admin's page draws it.

In: an adapter version, and perhaps the model that it has to beat. Out: rules, votes and verdict as they are now.
"""

from dataclasses import dataclass

from django.utils import timezone

from contracts.recipe import Gate
from webapp.insights.gate import Verdict, judge
from webapp.insights.gate_rules import rules_of
from webapp.insights.gate_votes import Cast, first_opponent, read_votes


@dataclass(frozen=True)
class Look:
    """What was seen. `against` is None where nobody has voted on the candidate, and no model was named."""

    candidate: str
    against: str | None
    rules: Gate
    cast: Cast
    verdict: Verdict


def look(candidate: str, stable: str | None = None) -> Look:
    """Without `stable`: the first version of the same name that the candidate met, else the first base model.

    Raises:
        Refusal: no_recipe (404), bad_recipe (500).
    """
    rules = rules_of(candidate.split("@")[0])
    against = stable or first_opponent(candidate)
    cast = read_votes(candidate, against or "", rules)
    verdict = judge(cast.votes, rules, rules.tags, now=timezone.now().timestamp())
    return Look(candidate, against, rules, cast, verdict)
