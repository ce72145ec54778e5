"""What all recipe sections have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Share = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """Base of every recipe section: unknown keys are errors, values cannot change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)
