"""Triggers: what Airflow's triggerer runs while a task waits."""
