"""How Airflow reaches the rest of Bardloop: batch jobs, the inference service, recipes, assets.

Airflow puts plugins/ on sys.path, so DAG files say `from bardloop_airflow…`. `contracts` lies beside plugins/,
in the project's root, which has to be on PYTHONPATH.
"""

try:
    import contracts  # noqa: F401
except ModuleNotFoundError as error:
    from bardloop_airflow.places import ROOT

    raise ImportError(f"the package 'contracts' cannot be found: start Airflow with PYTHONPATH={ROOT}") from error
