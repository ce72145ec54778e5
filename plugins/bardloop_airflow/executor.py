"""The executor of the scheduler: Airflow's LocalExecutor, whose end always comes.

In: `[core] executor = bardloop_airflow.executor.LocalExecutor`. Out: the same, but a scheduler that has lost its
database ends, so that what watches over it can start another.
"""

from airflow.executors.local_executor import LocalExecutor as AirflowLocalExecutor


class LocalExecutor(AirflowLocalExecutor):
    """Tasks as processes on the scheduler's machine."""

    def end(self) -> None:
        """Tell every worker to end, then wait for all of them.

        Airflow tells one worker for each that it finds alive. When the first has been told, another may take the
        message and be gone before Airflow looks at it: then one message is missing, and the scheduler waits for ever
        for a worker that waits for ever, without a heartbeat and without an exit (seen in Airflow 3.3 with PostgreSQL
        killed and started again). A message too many does no harm.
        """
        for _ in self.workers:
            self.activity_queue.put(None)
        super().end()
