"""The inference service, as Airflow sees it."""
