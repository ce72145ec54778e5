"""The assets that chain the DAGs: corpus → train → adapter → rollout and export; votes → retrain → adapter.

Each event's `extra` says what it is about: `recipe` and `overrides`, and the fields named below.
"""

from airflow.sdk import Asset

CORPUS = Asset("corpus")
"""A corpus was built. Extra: `digest`."""

ADAPTER = Asset("adapter")
"""An adapter was trained, evaluated and published. Extra: `adapter` (name@version)."""

VOTES = "votes"
"""Name of the asset that the watcher in dags/retrain.py keeps: enough new votes have come. Extra: `payload` with
`recipe`, `overrides`, `after`, `until` and `votes`."""
