"""The services of one machine: what each runs, in which environment, and how one sees that it is up.

`python -m demo.services NAME` becomes that service (exec), so that its process is the service's own.
"""

import dataclasses
import json
import os
import sys
from collections.abc import Callable

import httpx
import psycopg2

from demo import credentials
from demo.layout import ROOT, Layout

PYTHON = sys.executable
STACK_VARIABLE = "BARDLOOP_STACK"
"""Set to the home folder in everything the demo starts, so that `make down` finds it, and only it, again."""


@dataclasses.dataclass(frozen=True)
class Service:
    """One supervised process. `is_up` is asked until it says yes; `patience_s` is how long that may take."""

    name: str
    command: tuple[str, ...]
    is_up: Callable[[Layout], bool]
    patience_s: float
    ports: tuple[str, ...] = ()
    """Environment variables of the ports it listens on."""
    after: tuple[str, ...] = ()
    """Services and preparations that must be up or done before."""


def _answers(port_variable: str, path: str) -> Callable[[Layout], bool]:
    def is_up(layout: Layout) -> bool:
        try:
            return httpx.get(layout.address(port_variable) + path, timeout=5).is_success
        except httpx.HTTPError:
            return False

    return is_up


def _airflow_reports(component: str) -> Callable[[Layout], bool]:
    """Health as the api-server tells it from the component's heartbeat in the database."""

    def is_up(layout: Layout) -> bool:
        try:
            health = httpx.get(layout.address("BARDLOOP_AIRFLOW_PORT") + "/api/v2/monitor/health", timeout=5)
            return health.is_success and health.json()[component]["status"] == "healthy"
        except httpx.HTTPError:
            return False

    return is_up


def _postgres_is_up(layout: Layout) -> bool:
    try:
        psycopg2.connect(_own_database_url(layout, "bardloop"), connect_timeout=3).close()
    except psycopg2.OperationalError:
        return False
    return True


def _airflow(*arguments: str) -> tuple[str, ...]:
    return (PYTHON, "-m", "airflow", *arguments)


UVICORN = ("--host", "127.0.0.1", "--no-proxy-headers", "--timeout-graceful-shutdown", "5")
"""The site itself reads a proxy's headers, and a reader of a stream must not hold up `make down`."""
IDLE_TRANSACTIONS_END = "-c idle_in_transaction_session_timeout=60s"
"""For PostgreSQL: workers of a scheduler that was killed live on, and would hold the locks of its transaction."""

SERVICES = (
    Service("postgres", (PYTHON, "-m", "demo.postgres"), _postgres_is_up, 60),
    Service(
        "archive",
        (PYTHON, "-m", "demo.archive.server"),
        _answers("BARDLOOP_ARCHIVE_PORT", "/uuub3g.7z"),
        60,
        ports=("BARDLOOP_ARCHIVE_PORT",),
    ),
    Service(
        "serving",
        (PYTHON, "-m", "serving"),
        _answers("BARDLOOP_INFERENCE_PORT", "/health"),
        400,
        ports=("BARDLOOP_INFERENCE_PORT", "BARDLOOP_RAY_DASHBOARD_PORT"),
        after=("base-model",),
    ),
    Service(
        "airflow-api",
        _airflow("api-server"),
        _answers("BARDLOOP_AIRFLOW_PORT", "/execution/health"),
        180,
        ports=("BARDLOOP_AIRFLOW_PORT",),
        after=("airflow-database",),
    ),
    Service("airflow-dags", _airflow("dag-processor"), _airflow_reports("dag_processor"), 180, after=("airflow-api",)),
    Service(
        "airflow-scheduler",
        _airflow("scheduler", "--skip-serve-logs"),
        _airflow_reports("scheduler"),
        180,
        after=("airflow-api", "airflow-pools"),
    ),
    Service(
        "airflow-triggerer",
        _airflow("triggerer", "--skip-serve-logs"),
        _airflow_reports("triggerer"),
        180,
        after=("airflow-api",),
    ),
    Service(
        "web",
        (PYTHON, "-m", "uvicorn", "webapp.bardloop_site.asgi:application", *UVICORN),
        _answers("BARDLOOP_WEB_PORT", "/health"),
        60,
        ports=("BARDLOOP_WEB_PORT",),
        after=("web-database",),
    ),
)

PREPARATIONS = {
    "airflow-database": (("postgres",), _airflow("db", "migrate")),
    "airflow-pools": (("airflow-database",), (PYTHON, "-m", "demo.pools")),
    "web-database": (("postgres",), (PYTHON, "webapp/manage.py", "setup")),
    "base-model": ((), (PYTHON, "-m", "jobs", "base-model")),
}
"""Commands that run once at every start, do nothing when their work is done, and what must be up before."""


def web_database_url(layout: Layout) -> str:
    """Address of the web site's database; DATABASE_URL points elsewhere when set."""
    return os.environ.get("DATABASE_URL") or _own_database_url(layout, "bardloop")


def _own_database_url(layout: Layout, database: str) -> str:
    return f"postgresql://postgres@/{database}?host={layout.postgres}"


def airflow_database_url(layout: Layout) -> str:
    """SQLAlchemy address of Airflow's database; Airflow's own variable wins when set."""
    elsewhere = os.environ.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")
    return elsewhere or _own_database_url(layout, "airflow").replace("postgresql:", "postgresql+psycopg2:", 1)


def environment(name: str, layout: Layout) -> dict[str, str]:
    """The whole environment of the service or preparation `name`: the caller's and what it needs, not more."""
    secret = credentials.load(layout.home)
    values = {variable: value for variable, value in os.environ.items() if not variable.startswith("AIRFLOW")}
    values |= {variable: str(port) for variable, port in layout.ports.items()}
    values |= {
        STACK_VARIABLE: str(layout.home),
        "BARDLOOP_HOME": str(layout.home),
        "BARDLOOP_RECIPE": str(layout.recipe),
        "BARDLOOP_ARCHIVE_URL": layout.address("BARDLOOP_ARCHIVE_PORT"),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if name.startswith("airflow"):
        values |= airflow_environment(layout, secret)
    elif name.startswith("web"):
        values |= {
            "DATABASE_URL": web_database_url(layout),
            "BARDLOOP_INFERENCE_URL": layout.address("BARDLOOP_INFERENCE_PORT"),
            "BARDLOOP_API_KEY": secret["api_key"],
            "BARDLOOP_EXPORT_KEY": secret["export_key"],
            "DJANGO_SECRET_KEY": secret["django_secret_key"],
            "DJANGO_SUPERUSER_PASSWORD": secret["admin_password"],
            "UVICORN_PORT": str(layout.ports["BARDLOOP_WEB_PORT"]),
        }
    elif name == "serving":
        values |= {"BARDLOOP_API_KEY": secret["api_key"], "BARDLOOP_ADMIN_KEY": secret["admin_key"]}
        values |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secret["ray_token"]}
        values |= _for_jobs(layout, secret)  # with `batch.backend=ray` they inherit this process's environment
    return values


def airflow_environment(layout: Layout, secret: dict[str, str]) -> dict[str, str]:
    """Airflow's settings for one small machine. Recipes with `backend: local` run their jobs from the scheduler."""
    port = layout.ports["BARDLOOP_AIRFLOW_PORT"]
    folder = layout.home / "airflow"
    passwords = folder / "passwords.json"
    folder.mkdir(parents=True, exist_ok=True)
    passwords.touch(mode=0o600)
    passwords.write_text(json.dumps({"admin": secret["airflow_password"]}))
    serving = {
        "conn_type": "http",
        "host": "127.0.0.1",
        "port": layout.ports["BARDLOOP_INFERENCE_PORT"],
        "password": secret["admin_key"],
    }
    web = {
        "conn_type": "http",
        "host": "127.0.0.1",
        "port": layout.ports["BARDLOOP_WEB_PORT"],
        "password": secret["export_key"],
    }
    ray = {
        "conn_type": "generic",
        "host": "127.0.0.1",
        "port": layout.ports["BARDLOOP_RAY_DASHBOARD_PORT"],
        "password": secret["ray_token"],
    }
    settings = {
        "CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "bardloop_airflow.executor.LocalExecutor",
        "CORE__PARALLELISM": "3",
        "CORE__FERNET_KEY": secret["airflow_fernet_key"],
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "CORE__HOSTNAME_CALLABLE": "socket.gethostname",  # no DNS look-up
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",  # else asset-triggered runs never start
        "DATABASE__SQL_ALCHEMY_CONN": airflow_database_url(layout),
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__BASE_URL": layout.address("BARDLOOP_AIRFLOW_PORT"),
        "API__WORKERS": "1",
        "API__SECRET_KEY": secret["airflow_secret_key"],
        "API_AUTH__JWT_SECRET": secret["airflow_jwt_secret"],
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        "DAG_PROCESSOR__PRINT_STATS_INTERVAL": "0",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        # A finished task holds its slot until the next heartbeat: 8 mapped tasks took 7-12 s with the default of 5.
        "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "LOGGING__BASE_LOG_FOLDER": str(layout.logs / "airflow"),
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(layout.logs / "airflow" / "dag_processor"),
        "LOGGING__COLORED_CONSOLE_LOG": "False",
    }
    return {
        "AIRFLOW_HOME": str(folder),
        "PGOPTIONS": IDLE_TRANSACTIONS_END,
        "SPT_NOENV": "1",  # a process that renames itself keeps the environment by which `make down` finds it
        "AIRFLOW_CONN_BARDLOOP_SERVING": json.dumps(serving),
        "AIRFLOW_CONN_BARDLOOP_WEB": json.dumps(web),
        "AIRFLOW_CONN_BARDLOOP_RAY": json.dumps(ray),
        **_for_jobs(layout, secret),
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
    }


def _for_jobs(layout: Layout, secret: dict[str, str]) -> dict[str, str]:
    """What the job `votes` needs."""
    return {"BARDLOOP_WEB_URL": layout.address("BARDLOOP_WEB_PORT"), "BARDLOOP_EXPORT_KEY": secret["export_key"]}


def command(name: str, layout: Layout) -> tuple[str, ...]:
    """The command of the service or preparation `name`."""
    commands = {service.name: service.command for service in SERVICES}
    commands |= {preparation: arguments for preparation, (_, arguments) in PREPARATIONS.items()}
    with_what = {
        "archive": (str(layout.home / "archive"),),
        "base-model": ("--recipe", str(layout.recipe)),
    }
    return (*commands[name], *with_what.get(name, ()))


def main() -> None:
    """Become the service named on the command line."""
    layout = Layout.from_environment()
    name = sys.argv[1]
    arguments = command(name, layout)
    os.chdir(ROOT)
    os.execvpe(arguments[0], arguments, environment(name, layout))


if __name__ == "__main__":
    main()
