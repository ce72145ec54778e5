"""Airflow operators of Bardloop."""
