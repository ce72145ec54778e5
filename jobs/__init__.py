"""The work, as plain programs: `python -m jobs NAME --recipe FILE`. No Airflow, no Django."""
