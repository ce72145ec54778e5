"""The state of a task as Airflow's database has it now, asked from within a triggerer.

In: which task of which run. Out: its state, None when it was cleared, GONE when there is no such task (any more).
"""

GONE = "gone"


def task_state(dag_id: str, run_id: str, task_id: str, map_index: int) -> str | None:
    """One query. Blocks: to be called in a thread."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance  # late: a DAG file must not wait for it

    states = RuntimeTaskInstance.get_task_states(
        dag_id=dag_id, map_index=map_index, task_ids=[task_id], run_ids=[run_id]
    )
    [state] = states.get(run_id, {}).values() or [GONE]
    return state
