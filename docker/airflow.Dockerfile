# Airflow's four services. The target `local` adds the ML environment, for recipes with `batch.backend: local`,
# whose jobs run in the scheduler's container.
FROM python:3.11-slim-bookworm AS airflow
RUN useradd --create-home --uid 1000 bardloop && install -d -o bardloop /data
WORKDIR /bardloop
COPY requirements/airflow.txt requirements/airflow.txt
RUN pip install --no-cache-dir --no-deps -r requirements/airflow.txt
COPY contracts contracts
COPY plugins plugins
COPY dags dags
COPY recipes recipes
COPY config config
ENV PYTHONPATH=/bardloop BARDLOOP_HOME=/data AIRFLOW_HOME=/data/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/bardloop/dags AIRFLOW__CORE__PLUGINS_FOLDER=/bardloop/plugins
USER bardloop

FROM airflow AS local
COPY --from=ml /opt/ml /opt/ml
COPY jobs jobs
ENV BARDLOOP_JOB_PYTHON=/opt/ml/bin/python
