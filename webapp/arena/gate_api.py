"""GET /api/gate: may the new version take over? Asked by the DAG `rollout` and by operators; docs/voting.md.

In: an adapter version, and the model that it has to beat. Out: pass, continue or stop, with reasons and numbers.
"""

from typing import Annotated, Literal

from ninja import Query, Router, Schema
from ninja.security import SessionAuthIsStaff
from pydantic import Field, model_validator

from contracts.recipe import Gate
from webapp.access.keys import ProgramKeyAuth
from webapp.insights.gate import Numbers, Path
from webapp.insights.gate_look import look

router = Router(auth=[SessionAuthIsStaff(csrf=False), ProgramKeyAuth("statistics")])


class Candidate(Schema):
    """`candidate`: an adapter version, `name@version`. `stable`: the model that it has to beat, a version or a base."""

    candidate: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}@[0-9a-f]{12}$")]
    stable: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")] | None = None

    @model_validator(mode="after")
    def two_models(self):
        if self.stable == self.candidate:
            raise ValueError("`stable` and `candidate` are the same version: there is nothing to judge")
        return self


class GateAnswer(Schema):
    """`pass`: promote it. `stop`: do not, and ask no more people. `continue`: more votes are needed."""

    candidate: str
    against: str | None
    """The model that it has to beat; None: none was named, and nobody has voted on the candidate yet."""
    answer: Literal["pass", "continue", "stop"]
    code: Literal["better", "not_better", "harm", "too_many_voters", "undecided"]
    reasons: tuple[str, ...]
    decided_after: int | None
    """Closed voters at the moment of the decision; later ones change nothing."""
    decided_votes: int
    """That prefer one or call it a tie, those beyond what counts of a voter too; until `max_voters` are closed."""
    both_bad: int
    numbers: Numbers
    rules: Gate
    """The section `gate` of the adapter's recipe."""
    path: Path
    """For a chart."""


@router.get("", response=GateAnswer, summary="May the new version take over? (staff, key)")
def read_gate(request, question: Query[Candidate]):
    """Ask as often as you like: looking spoils nothing.

    Without `stable`, the model is the first version of the same name that the candidate met, else the first base model.
    """
    seen = look(question.candidate, question.stable)
    verdict = seen.verdict
    return {
        "candidate": question.candidate,
        "against": seen.against,
        "answer": verdict.answer,
        "code": verdict.code,
        "reasons": verdict.reasons,
        "decided_after": verdict.decided_after,
        "decided_votes": seen.cast.decided,
        "both_bad": seen.cast.both_bad,
        "numbers": verdict.numbers,
        "rules": seen.rules,
        "path": verdict.path,
    }
