"""Ratings: how strong is each version, by three models of ties, and who wins how often against whom?

In: a selection of votes. Out: a `Page`.
"""

from math import exp

from webapp.insights.breakdowns.rated import LABELS, MAIN, Rated, rate
from webapp.insights.breakdowns.versions import Matrix, matrix
from webapp.insights.drawing.bars import SHARES, interval, scale_for
from webapp.insights.pages.page import Page, Section
from webapp.insights.pages.table import Column, Table, count, interval_columns, text
from webapp.insights.ratings.result import Estimate, Fit, elo
from webapp.insights.votes.selection import Selection

MOST_MODELS = 12
"""Columns of the matrix on the page."""
SHADES = 7


def ratings(votes: Selection) -> Page:
    """All of the page."""
    rated, table = rate(votes), matrix(votes)
    return Page(sections=(_ratings(rated), _chances(rated, table), _matrix(table), _sensitivity(rated)))


def _elo(found: Estimate | None) -> tuple[float | None, float | None, float | None]:
    if found is None:
        return None, None, None
    return tuple(None if each is None else elo(each) for each in (found.value, found.low, found.high))


def _problems(rated: Rated, model: str) -> list[str]:
    if model in rated.failures:
        return [rated.failures[model]]
    return list(rated.fits[model].warnings)


def _ratings(rated: Rated) -> Section:
    fitted, rows = rated.fits.get(MAIN), []
    for each in sorted(fitted.ratings, key=_best_first) if fitted else ():
        known = _elo(each.estimate)
        rows.append((each.model, *[known] * 3, each.votes, each.reason))
    scale = scale_for([value for row in rows for value in row[1]], even=1000)
    columns = (
        text("model", "Model", "head code"),
        *interval_columns("elo", "Rating", scale),
        count("votes", "Votes"),
        text("reason", "Why none", "says"),
    )
    if not any(row[-1] for row in rows):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    return Section(
        name="ratings",
        title="Ratings",
        table=Table("ratings", columns, rows),
        warns=_problems(rated, MAIN),
        help="Bradley-Terry, a tie half a win for each, “both bad” left out. Elo's scale: the mean is 1000, 400 more "
        "are odds of ten to one. Intervals are clustered by voter. Two models may differ for sure although their "
        "intervals overlap: the next table compares them.",
    )


def _best_first(rating) -> tuple:
    return (rating.estimate is None, -rating.estimate.value if rating.estimate else 0.0, rating.model)


def _chances(rated: Rated, table: Matrix) -> Section:
    """Each rated version against the base that was judged most."""
    fitted, order = rated.fits.get(MAIN), rated.order(MAIN)
    base = next((name for name in table.models if "@" not in name and name in order), None)
    rows, columns = [], (text("model", "Model", "head code"), *_chance_columns())
    if base:
        rows = [(name, *[_chance(fitted, name, base)] * 3) for name in order if name != base]
    title = f"Chance to win against {base}" if base else "Chance to win against the base"
    return Section(
        name="chances",
        title=title,
        table=Table("chances", columns, rows),
        help="What the ratings say of the next battle, where nobody calls it a tie; versions that never met the base "
        "are compared by way of others. Better for sure (at 95 %) is what lies wholly right of the middle.",
        empty="No base model has a rating that a version could be compared with.",
    )


def _chance(fitted: Fit, one: str, other: str) -> tuple[float | None, float | None, float | None]:
    found = fitted.difference(one, other)
    return tuple(None if each is None else 1 / (1 + exp(-each)) for each in (found.value, found.low, found.high))


def _chance_columns() -> tuple[Column, ...]:
    def show(chance) -> str:
        return f"{100 * chance[0]:.1f} %"

    def ends(chance) -> str:
        return "–" if chance[1] is None else f"{100 * chance[1]:.1f} % to {100 * chance[2]:.1f} %"

    return (
        Column("Chance", show, ("chance",), lambda chance: chance[:1], "n"),
        Column("95 % interval", ends, ("chance_low", "chance_high"), lambda chance: chance[1:], "n"),
        Column(
            "0 – 50 – 100 %",
            lambda chance: f"{show(chance)}, between {ends(chance)}",
            (),
            lambda chance: (),
            "wide",
            lambda chance: interval(*chance, SHARES),
        ),
    )


def _matrix(found: Matrix) -> Section:
    def cell(row: int, column: int):
        votes = int(found.decided[row, column])
        return (found.wins[row, column] / votes, votes) if votes else None

    models = found.models[:MOST_MODELS]
    columns = [text("model", "wins against →", "head code")]
    columns += [
        Column(
            label=name,
            show=lambda known: "" if known is None else f"{100 * known[0]:.0f} % of {known[1]:,}",
            keys=(f"rate against {name}", f"votes against {name}"),
            raw=lambda known: (None, 0) if known is None else known,
            kind="n asis",
            shade=lambda known: "" if known is None else f"shade-{min(SHADES - 1, int(SHADES * known[0]))}",
        )
        for name in models
    ]
    rows = [(name, *(cell(row, column) for column in range(len(models)))) for row, name in enumerate(models)]
    left_out = len(found.models) - len(models)
    return Section(
        name="matrix",
        title="Who wins how often against whom",
        table=Table("matrix", columns, rows),
        help="How often the model of the row was preferred to that of the column, a tie half, and of how many votes.",
        warns=[f"The {MOST_MODELS} models with most votes are shown; {left_out} are not."] if left_out else [],
        empty="No two models have met.",
    )


def _sensitivity(rated: Rated) -> Section:
    columns = [text("model", "Model", "head code")]
    for name, label in LABELS.items():
        columns += interval_columns(name, label, scale_for(()))[:2]
    orders = {name: rated.order(name) for name in LABELS}
    models = orders[MAIN] or next((order for order in orders.values() if order), [])
    estimates = {
        name: {rating.model: rating.estimate for rating in fitted.ratings} for name, fitted in rated.fits.items()
    }
    rows = []
    for model in models:
        row = [model]
        for name in orders:
            known = _elo(estimates.get(name, {}).get(model))
            row += [known, known]
        rows.append(tuple(row))
    return Section(
        name="ties",
        title="Does it matter how ties are counted?",
        table=Table("ties", columns, rows),
        says=_agree(orders, rated),
        warns=[f"{LABELS[name]}: {why}" for name, why in rated.failures.items()],
        help="Bradley-Terry takes a tie as half a win for each; Rao-Kupper takes it as a difference too small to see, "
        "Davidson as an outcome of its own that is likeliest between equals. Ratings are on one scale, and are further "
        "apart for the latter two where ties are many; what counts is the order, and whether intervals still part.",
    )


def _agree(orders: dict[str, list[str]], rated: Rated) -> list[str]:
    fitted = [name for name in orders if orders[name]]
    if len(fitted) < 2:
        return []
    says = (
        ["All models of ties put the versions in the same order."]
        if len({tuple(orders[name]) for name in fitted}) == 1
        else ["The order depends on how ties are counted: take the versions that change places as equal."]
    )
    losses = {LABELS[name]: rated.fits[name].log_loss for name in fitted if rated.fits[name].tie}
    if len(losses) == 2:
        figures = {label: f"{loss:.4f}" for label, loss in losses.items()}
        best = min(losses, key=losses.get)
        better = (
            f"{best} describes the votes better" if len(set(figures.values())) > 1 else "Both ties models fit alike"
        )
        numbers = ", ".join(f"{label} {figure}" for label, figure in figures.items())
        says.append(f"{better} (mean log-loss a vote: {numbers}).")
    return says
