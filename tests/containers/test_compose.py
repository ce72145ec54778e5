"""docker-compose.yml, what is put on top of it, docker/Dockerfile: the specification, and what operators rely on."""

import json
import os
import re
import shutil
import subprocess

import compose_spec
import pytest
import yaml

from tests.containers import compose, image, measured
from tests.containers.compose import ROOT

SERVICES = compose.services()
STAGES = image.stages()
RUN_ONCE = {"airflow-database", "web-database", "base-model"}
"""Services that do something at each start and end; others wait for their success."""
SET_BY_COMPOSE = {"COMPOSE_PROFILES", "COMPOSE_FILE"}
READ_BY_IMAGES = {
    "GF_SECURITY_ADMIN_PASSWORD__FILE",
    "GF_USERS_ALLOW_SIGN_UP",
    "GF_ANALYTICS_REPORTING_ENABLED",
    "GF_ANALYTICS_CHECK_FOR_UPDATES",
    "POSTGRES_PASSWORD_FILE",
    "DATA_SOURCE_URI",
    "DATA_SOURCE_USER",
    "DATA_SOURCE_PASS_FILE",
}
"""Documented by Grafana, the PostgreSQL image and the exporter, whose sources are not here."""
READ_BY_LIBRARIES = {
    "PGPASSWORD": "libpq and asyncpg",
    "PGOPTIONS": "libpq",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "opentelemetry",
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "opentelemetry",
    "OTEL_SERVICE_NAME": "opentelemetry",
    "RAY_AUTH_MODE": "ray",
    "RAY_AUTH_TOKEN_PATH": "ray",
    "RAY_USAGE_STATS_ENABLED": "ray",
    "RAY_worker_niceness": "ray",
    "RAY_JOB_START_TIMEOUT_SECONDS": "ray",
}
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|KEY\b")


FILE_SERVER = {"BARDLOOP_HOME_SERVER": "nas", "BARDLOOP_HOME_EXPORT": "/home"}


@pytest.mark.parametrize("path", [compose.FILE, compose.SEVERAL_MACHINES, compose.WANDB], ids=lambda path: path.name)
def test_the_file_keeps_to_the_compose_specification(path):
    compose_spec.PyCompose.from_json(json.dumps({"services": {}} | compose.read(path, FILE_SERVER)))


def test_the_specification_is_not_kept_by_a_misspelt_key():
    broken = compose.read()
    broken["services"]["web"]["helthcheck"] = broken["services"]["web"].pop("healthcheck")
    with pytest.raises(ValueError, match="helthcheck"):
        compose_spec.PyCompose.from_json(json.dumps(broken))


@pytest.mark.parametrize(
    "files",
    [[compose.FILE], [compose.FILE, compose.SEVERAL_MACHINES], [compose.FILE, compose.WANDB]],
    ids=["alone", "several", "wandb"],
)
def test_docker_compose_takes_it(docker_compose, files):
    named = [word for path in files for word in ("-f", path)]
    environment = {"PATH": os.environ["PATH"], **FILE_SERVER}
    subprocess.run([docker_compose, *named, "config", "--quiet"], env=environment, cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def docker_compose() -> str:
    """Debian's docker-compose; it needs no engine for this."""
    found = shutil.which("docker-compose")
    if found is None:
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing("no docker-compose; as root: apt-get install docker-compose")
    return found


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_watched_restarted_and_nobody_special(name):
    service = SERVICES[name]
    user, _, _ = service["user"].partition(":")
    assert user.isdigit()
    assert int(user) > 0
    if name in RUN_ONCE:
        assert service["restart"] == "no"
        waits = [other["depends_on"].get(name) for other in SERVICES.values() if name in other.get("depends_on", {})]
        assert waits
        assert all(wait == {"condition": "service_completed_successfully"} for wait in waits)
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_ours_or_pinned_to_a_patch_version(name):
    service = SERVICES[name]
    if "build" not in service:
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+(\.\d+)?(-\w+)?", service["image"])
        return
    assert service["image"].startswith("bardloop-")
    assert service["build"]["dockerfile"] == "docker/Dockerfile"
    assert service["build"]["target"] in STAGES


def test_services_wait_for_services_that_are_there_without_a_profile():
    for name, service in SERVICES.items():
        for other in service.get("depends_on", {}):
            assert "profiles" not in SERVICES[other], f"{name} waits for {other}"


def test_nothing_but_the_site_is_published_to_other_machines():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.pop("proxy") == ["80:8080", "443:8443"]
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_no_secret_stands_in_the_file_or_has_a_default():
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if SECRET.search(variable) and not variable.endswith(("_FILE", "_PATH")):
                assert value == "" or variable.endswith("PASSWORDS_FILE"), f"{name}: {variable}"
    example = dict(line.split("=", 1) for line in (ROOT / ".env.example").read_text().splitlines() if "=" in line)
    assert not [name for name, value in example.items() if SECRET.search(name) and value]


def test_secrets_that_services_mount_are_declared_and_the_other_way_round():
    mounted = {secret for service in SERVICES.values() for secret in compose.mounted_secrets(service).values()}
    assert mounted == set(compose.read()["secrets"])


def test_the_jobs_nodes_hold_no_key_of_the_engine_and_no_password():
    """They run what a recipe says. The export key lets the job `votes` read the votes, and nobody change anything."""
    for name in ("ray", "ray-gpu", "base-model"):
        assert set(compose.mounted_secrets(SERVICES[name]).values()) <= {"ray_token", "export_key"}


def test_the_key_of_wandb_is_for_the_jobs_nodes_alone():
    assert not [name for name, service in SERVICES.items() if "WANDB_API_KEY" in service.get("environment", {})]
    added = compose.read(compose.WANDB)
    assert {name: compose.mounted_secrets(service) for name, service in added["services"].items()} == {
        name: {"WANDB_API_KEY": "wandb_api_key"} for name in ("ray", "ray-gpu")
    }
    assert set(added["secrets"]) == {"wandb_api_key"}


@pytest.mark.parametrize("name", ["ray", "ray-gpu"])
def test_a_job_may_wait_for_its_gpus_as_long_as_a_training_lasts(name):
    """Where this is not said Ray gives a job up that has waited for 15 minutes."""
    from ray.dashboard.consts import RAY_JOB_START_TIMEOUT_SECONDS_ENV_VAR

    assert int(SERVICES[name]["environment"][RAY_JOB_START_TIMEOUT_SECONDS_ENV_VAR]) == 14 * 24 * 3600


def test_what_is_mounted_is_there():
    volumes = compose.read()["volumes"]
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in volumes or (ROOT / source).exists(), f"{name}: {volume}"


@pytest.mark.parametrize("name", STAGES)
def test_images_do_little_more_than_install_one_lock_and_copy_folders(name):
    stage = STAGES[name]
    assert stage.base in STAGES or re.search(r":\d+\.\d+\.\d+", stage.base), "pinned to a patch version"
    kinds = {instruction for instruction, _ in stage.own}
    assert kinds <= {"ARG", "RUN", "WORKDIR", "COPY", "ENV", "USER", "ENTRYPOINT", "CMD"}
    sources = image.copied(stage.own)
    for source in sources:
        for lock in ("ml", "ml-gpu"):
            assert (ROOT / source.replace("${LOCK}", lock)).exists()
    locks = [source for source in sources if source.startswith("requirements/")]
    installs = [rest for instruction, rest in stage.own if instruction == "RUN" and "pip install" in rest]
    assert len(locks) == len(installs) <= 1
    assert all(install.endswith(f"--no-deps -r {lock}") for install, lock in zip(installs, locks, strict=True))


def test_images_run_as_nobody_special():
    for name in {service["build"]["target"] for service in SERVICES.values() if "build" in service}:
        assert dict(image.instructions(name))["USER"] in ("bardloop", "1000:1000"), name


def test_each_variable_is_read_by_somebody():
    ours = ["plugins", "serving", "webapp", "jobs", "recipes", "docker/Caddyfile"]
    named = {variable for service in SERVICES.values() for variable in service.get("environment", {})}
    named |= {target for service in SERVICES.values() for target in compose.mounted_secrets(service)}
    for variable in sorted(named - READ_BY_IMAGES - set(READ_BY_LIBRARIES)):
        if variable.startswith("AIRFLOW__") or not variable.isupper():
            continue  # the test below; secrets that stay files
        if variable.startswith("AIRFLOW_CONN_"):
            variable = variable.removeprefix("AIRFLOW_CONN_").lower()
        found = subprocess.run(
            ["grep", "-rqw", "--include=*.py", "--include=*.yaml", "--include=Caddyfile", variable, *ours], cwd=ROOT
        )
        assert found.returncode == 0, variable


def test_airflow_options_are_options_of_airflow():
    from airflow.configuration import conf

    for service in SERVICES.values():
        for variable in [*service.get("environment", {}), *compose.mounted_secrets(service)]:
            if variable.startswith("AIRFLOW__"):
                section, option = variable.removeprefix("AIRFLOW__").lower().split("__")
                assert option in conf.configuration_description[section]["options"], variable


def test_each_variable_of_the_files_is_explained():
    text = "".join(path.read_text() for path in (compose.FILE, compose.SEVERAL_MACHINES))
    asked = {found["name"] for found in compose.VARIABLE.finditer(text) if found["name"]} | SET_BY_COMPOSE
    example = (ROOT / ".env.example").read_text()
    assert {name for name in asked if name not in example} == set()
    for name in re.findall(r"^#?(\w+)=", example, re.MULTILINE):
        assert name in asked, f"{name} of .env.example is read by nobody"


def test_a_missing_file_server_is_said():
    with pytest.raises(compose.MissingVariable, match="BARDLOOP_HOME_SERVER"):
        compose.read(compose.SEVERAL_MACHINES)


def test_prometheus_asks_services_that_are_there_and_reads_its_rules():
    prometheus = yaml.safe_load((measured.RULES.parent / "prometheus.yml").read_text())
    assert prometheus["rule_files"] == [measured.RULES.name]
    by_name = [each for job in prometheus["scrape_configs"] for each in job.get("dns_sd_configs", [])]
    asked = [host for each in by_name for host in each["names"]]
    static = [each for job in prometheus["scrape_configs"] for each in job.get("static_configs", [])]
    asked += [place.split(":")[0] for each in static for place in each["targets"]]
    assert set(asked) - {"localhost"} <= set(SERVICES)
    assert len(measured.metrics()) > 20  # every expression is PromQL, or this raises
