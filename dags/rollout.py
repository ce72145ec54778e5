"""
### rollout: from the adapter to the live engine

Hands an adapter to the running inference service, which checks it, loads it beside the live one, tests it (it
answers, and not as the base does) and only then makes it the stable version. When anything is wrong, the old version
stays and the task `promote` says why.

**When it runs:** when the DAG `train` has published an adapter, or when you trigger it.

**What you choose:** the recipe, and which adapter (`name@version`; empty: the newest of the recipe).

**Approval:** where the recipe says `rollout.approval: person`, the run waits in `approval` for a person: open the task
and its tab *Required Actions*. No answer within three days, or *Reject*: it is not promoted.

**Source:** `plugins/bardloop_airflow/serving/`, `serving/`.
"""

from datetime import timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param, dag, task
from airflow.sdk.exceptions import AirflowFailException

from bardloop_airflow.adapters import newest_adapter
from bardloop_airflow.assets import ADAPTER
from bardloop_airflow.places import home
from bardloop_airflow.run_settings import checked_recipe, current_settings, recipe_params
from bardloop_airflow.serving.client import RolloutRefused, ServingClient

