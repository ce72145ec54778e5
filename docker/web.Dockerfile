# The voting site and its statistics admin.
FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 1000 bardloop
WORKDIR /bardloop
COPY requirements/web.txt requirements/web.txt
RUN pip install --no-cache-dir --no-deps -r requirements/web.txt
COPY contracts contracts
COPY webapp webapp
ENV PYTHONPATH=/bardloop
USER bardloop
CMD ["python", "-m", "uvicorn", "webapp.bardloop_site.asgi:application", "--host", "0.0.0.0", \
    "--port", "8000", "--timeout-graceful-shutdown", "5"]
