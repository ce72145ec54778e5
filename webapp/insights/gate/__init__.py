"""The gate: is the new version better than the stable one? Pure functions on arrays; docs/voting.md has the why."""

from webapp.insights.gate.verdict import Verdict, decide, judge
from webapp.insights.gate.votes import Votes, close_voters

__all__ = ["Verdict", "Votes", "close_voters", "decide", "judge"]
