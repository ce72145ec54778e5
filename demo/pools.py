"""`python -m demo.pools`: the pools that the DAGs' tasks wait in, made where they are missing.

In: Airflow's database, migrated. Out: its pools. What a person has set in the UI stays. A task that is deferred keeps
its slot: a training that is waited for is on the GPUs all the same.
"""

POOLS = {
    "downloads": (2, "Tasks that fetch from other people's servers, at the same time"),
    "gpus": (1, "Trainings and evaluations at the same time"),
}
"""Name to slots and what they are."""


def main() -> None:
    """Make what is missing."""
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        known = set(session.scalars(select(Pool.pool)))
        for name, (slots, description) in POOLS.items():
            if name not in known:
                session.add(Pool(pool=name, slots=slots, description=description, include_deferred=True))


if __name__ == "__main__":
    main()
