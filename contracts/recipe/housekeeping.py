"""What is kept of what earlier runs left behind: `housekeeping`."""

from typing import Annotated

from pydantic import Field

from contracts.recipe.section import Section

AtLeastOne = Annotated[int, Field(ge=1)]


class Housekeeping(Section):
    """How many of each are kept, the newest. What is served, what it was made from and what still trains always is."""

    keep_adapters: AtLeastOne = 10
    keep_runs: AtLeastOne = 5
    keep_corpora: AtLeastOne = 3
    automatic: bool = False
    """Whether the weekly run of the DAG `housekeeping` removes; else it only lists."""
