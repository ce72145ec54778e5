"""The gate: is the new version better than the stable one? Pure functions on arrays; docs/voting.md has the why."""

from webapp.insights.gate.reasons import Numbers
from webapp.insights.gate.verdict import Path, Verdict, decide, judge
from webapp.insights.gate.votes import Votes, close_voters

__all__ = ["Numbers", "Path", "Verdict", "Votes", "close_voters", "decide", "judge"]
