"""The assets that chain the DAGs: corpus → train → adapter → rollout.

Each event's `extra` says what it is about: `recipe` and `overrides`, and the fields named below.
"""

from airflow.sdk import Asset

CORPUS = Asset("corpus")
"""A corpus was built. Extra: `digest`."""

ADAPTER = Asset("adapter")
"""An adapter was trained, evaluated and published. Extra: `adapter` (name@version), `metrics`."""
