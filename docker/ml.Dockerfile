# Jobs and the serving engine, with the CUDA builds of torch and vLLM.
FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 1000 bardloop && install -d -o bardloop /data
WORKDIR /bardloop
COPY requirements/ml-gpu.txt requirements/ml-gpu.txt
# A virtual environment, so that docker/airflow.Dockerfile can take it over as a whole.
RUN python -m venv /opt/ml && /opt/ml/bin/pip install --no-cache-dir --no-deps -r requirements/ml-gpu.txt
COPY contracts contracts
COPY jobs jobs
COPY serving serving
COPY recipes recipes
COPY config config
ENV PATH=/opt/ml/bin:$PATH PYTHONPATH=/bardloop BARDLOOP_HOME=/data
USER bardloop
CMD ["python", "-m", "serving"]
