"""What stands in deploy/ is what the code takes: every command, port, variable and setting."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import click
import kubernetes.client
import pytest
import typer
import yaml
from dagster._cli.api import api_cli
from dagster._config import process_config, resolve_to_config_type
from dagster._core.instance.config import dagster_instance_config
from dagster._daemon.cli import run_command as daemon_run
from dagster_k8s.launcher import K8sRunLauncher
from dagster_k8s.models import k8s_model_from_dict, k8s_snake_case_dict

from ledger_pipelines.cli import app
from ledger_pipelines.console.api import health
from ledger_pipelines.local import webserver
from ledger_pipelines.orchestration.celery_settings import VISIBILITY_SECONDS
from ledger_pipelines.orchestration.code_location import LOCATION
from ledger_pipelines.settings import Settings
from ledger_pipelines.sources.registry import SOURCES

PROJECT = Path(__file__).resolve().parents[1]
DEPLOY = PROJECT / "deploy"
COMPOSE = [DEPLOY / "compose" / name for name in ("compose.yaml", "celery.yaml")]
MANIFESTS = DEPLOY / "kubernetes" / "ledger.yaml"
VALUES = DEPLOY / "kubernetes" / "values.yaml"
#: What is nobody's setting of ours, but an image's.
_FOREIGN = {"POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"}
_KINDS = {
    "Job": kubernetes.client.V1Job,
    "Deployment": kubernetes.client.V1Deployment,
    "Service": kubernetes.client.V1Service,
    "NetworkPolicy": kubernetes.client.V1NetworkPolicy,
}


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded


def _services() -> dict[str, dict[str, Any]]:
    """The services of both files, those of the second over those of the first."""
    merged: dict[str, dict[str, Any]] = {}
    for path in COMPOSE:
        for name, service in _load(path)["services"].items():
            before = merged.setdefault(name, {})
            environment = before.get("environment", {}) | service.get("environment", {})
            before |= service | {"environment": environment}
    return merged


def _manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(MANIFESTS.read_text()))


def _containers() -> Iterator[dict[str, Any]]:
    for manifest in _manifests():
        yield from manifest["spec"].get("template", {}).get("spec", {}).get("containers", ())


def _commands() -> dict[str, list[str]]:
    """Every command of ours in deploy/, by where it stands."""
    unit = re.search(r"^ExecStart=(.*)$", (DEPLOY / "ledger.service").read_text(), re.MULTILINE)
    assert unit is not None
    found = {
        f"compose {name}": service["command"]
        for name, service in _services().items()
        if service.get("image") == "ledger-pipelines"
    }
    found |= {f"kubernetes {container['name']}": container["command"] for container in _containers()}
    (deployment,) = _load(VALUES)["dagster-user-deployments"]["deployments"]
    found["helm code server"] = ["dagster", "api", "grpc", *deployment["dagsterApiGrpcArgs"]]
    _, *arguments = shlex.split(unit[1])
    return found | {"systemd": ["ledger", *arguments]}


def _parsed(command: click.Command, arguments: list[str]) -> dict[str, Any]:
    """What the command makes of its arguments; fails where it refuses them."""
    if isinstance(command, click.Group):
        name, *rest = arguments
        found = command.get_command(click.Context(command), name)
        assert found is not None, f"there is no command {name}"
        return _parsed(found, rest)
    # `--workspace` must exist where it is read, which is not here.
    here = [one.replace("/srv/ledger/app", str(PROJECT)) for one in arguments]
    return command.make_context(command.name, here).params


@pytest.mark.parametrize(("where", "command"), _commands().items(), ids=_commands())
def test_every_command_is_one_that_there_is(where: str, command: list[str]) -> None:
    match command:
        case ["ledger", *arguments]:
            _parsed(typer.main.get_command(app), arguments)
        case ["dagster", "api", *arguments]:
            parsed = _parsed(api_cli, arguments)
            assert importlib.util.find_spec(parsed["module_name"]) is not None
        case ["dagster-daemon", "run", *arguments]:
            _parsed(daemon_run, arguments)
        case ["python", "-m", "ledger_pipelines.local.webserver", *arguments]:
            assert webserver.parser().parse_args(arguments).workspace
        case ["celery", "-A", module, "worker", *_]:
            assert module == "ledger_pipelines.runs.celery_worker"
        case _:
            pytest.fail(f"{where}: {command} is not known")


def test_every_variable_is_one_that_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"DAGSTER_HOME", "LEDGER_FIRST_MONTH", *_FOREIGN}
    for settings in (Settings, *SOURCES):
        for field in settings.model_fields.values():
            alias = field.validation_alias
            known |= (
                {alias} if isinstance(alias, str) else {str(one) for one in getattr(alias, "choices", ())}
            )
    named = {name for service in _services().values() for name in service["environment"]}
    named |= {one["name"] for container in _containers() for one in container.get("env", ())}
    (deployment,) = _load(VALUES)["dagster-user-deployments"]["deployments"]
    named |= {one["name"] for one in deployment["env"]}
    named |= set(re.findall(r"^ENV (\w+)=|^ +([A-Z_]+)=", (DEPLOY / "Dockerfile").read_text(), re.M)[0]) - {
        ""
    }
    assert named - known == set()
    # And each of ours is told of where people look for it.
    configuration = (PROJECT / "docs" / "configuration.md").read_text()
    assert [
        name for name in sorted(named) if name.startswith("LEDGER_") and f"`{name}`" not in configuration
    ] == []


def test_services_find_each_other() -> None:
    services = _services()
    parsed = webserver.parser().parse_args(services["webserver"]["command"][3:])
    # The console asks by the service's name, so the guard must take it for ours.
    assert (
        services["console"]["environment"]["LEDGER_DAGSTER_WEBSERVER_URL"]
        == f"http://webserver:{parsed.port}"
    )
    assert parsed.name == ["webserver"]
    (loaded,) = _load(DEPLOY / "compose" / "workspace.yaml")["load_from"]
    code = _parsed(api_cli, services["code"]["command"][2:])
    assert loaded["grpc_server"] == {
        "host": "code",
        "port": code["port"],
        "location_name": code["location_name"],
    }
    for name in ("webserver", "console"):
        command = " ".join(services[name]["command"])
        port = re.search(r"--port[ =](\d+)", command)
        assert port is not None
        # On loopback alone.
        assert services[name]["ports"] == [f"127.0.0.1:{port[1]}:{port[1]}"]
    redis = services["worker"]["environment"]["LEDGER_CELERY_BROKER"]
    assert redis == "redis://redis:6379/0"
    assert all(
        services[name]["environment"]["LEDGER_CELERY_BROKER"] == redis
        for name in ("code", "webserver", "daemon", "console")
    )


def test_celery_differs_from_the_project_in_what_it_says_alone() -> None:
    ours, theirs = _load(PROJECT / "dagster.yaml"), _load(DEPLOY / "celery" / "dagster.yaml")
    for folder in (PROJECT, DEPLOY / "celery"):
        dagster_instance_config(str(folder))
    for changed in (
        ("run_launcher",),
        ("run_monitoring", "start_timeout_seconds"),
        ("concurrency", "runs"),
        ("concurrency", "pools", "default_limit"),
    ):
        *path, last = changed
        for settings in (ours, theirs):
            del reduce(getitem, path, settings)[last]
    assert ours == theirs
    # A broker that gave a run again while it is executed would have it executed twice.
    assert theirs["run_monitoring"]["max_runtime_seconds"] < VISIBILITY_SECONDS


def test_manifests_are_what_kubernetes_takes() -> None:
    for manifest in _manifests():
        kind = _KINDS[manifest["kind"]]
        # Raises where a member is unknown to Kubernetes' own description of the kind.
        read = k8s_model_from_dict(kind, k8s_snake_case_dict(kind, manifest))
        assert read.metadata.name == manifest["metadata"]["name"]
    console = next(one for one in _containers() if one["name"] == "console")
    (port,) = console["ports"]
    assert str(port["containerPort"]) == console["command"][console["command"].index("--port") + 1]
    probed = console["readinessProbe"]["httpGet"]
    assert (probed["port"], probed["path"]) == (port["name"], "/health")
    assert "/health" in {getattr(route, "path", None) for route in health.router.routes}
    labels = next(one for one in _manifests() if one["kind"] == "Deployment")["spec"]["template"]["metadata"][
        "labels"
    ]
    service, policy = (
        next(one for one in _manifests() if one["kind"] == kind) for kind in ("Service", "NetworkPolicy")
    )
    assert service["spec"]["selector"] == labels
    assert policy["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"] == labels


def test_the_chart_is_given_one_image_and_what_the_launcher_takes() -> None:
    values = _load(VALUES)
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    images = [part["image"] for part in (values["dagsterWebserver"], values["dagsterDaemon"], deployment)]
    (image,) = {f"{one['repository']}:{one['tag']}" for one in images}
    assert {container["image"] for container in _containers()} == {image}
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert image.endswith(f":{project['version']}")
    pinned = next(one for one in project["dependencies"] if one.startswith("dagster=="))
    assert f"--version {pinned.removeprefix('dagster==')}" in VALUES.read_text()
    launcher = values["runLauncher"]
    assert launcher["type"] == K8sRunLauncher.__name__
    given = launcher["config"]["k8sRunLauncher"]
    config = {
        "service_account_name": "dagster",
        "instance_config_map": "dagster-instance",
        "dagster_home": "/opt/dagster/dagster_home",
        "image_pull_policy": given["imagePullPolicy"],
        "load_incluster_config": given["loadInclusterConfig"],
        "run_k8s_config": {"container_config": given["runK8sConfig"]["containerConfig"]},
    }
    checked = process_config(resolve_to_config_type(K8sRunLauncher.config_type()), config)
    assert checked.success, checked.errors


def test_what_the_chart_makes_of_the_values_is_what_dagster_takes(tmp_path: Path) -> None:
    """The parts of its dagster.yaml that these values decide, under the names that the chart gives them."""
    values = _load(VALUES)
    daemon, concurrency = values["dagsterDaemon"], values["concurrency"]
    monitoring = daemon["runMonitoring"]
    made = {
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": daemon["runCoordinator"]["type"],
            "config": {_snake(key): value for key, value in _queue(daemon).items()},
        },
        "concurrency": {
            "pools": {_snake(key): value for key, value in concurrency["pools"].items()},
            "runs": {_snake(key): value for key, value in concurrency["runs"].items()},
        },
        "run_monitoring": {_snake(key): value for key, value in monitoring.items()},
        "retention": {
            kind: {"purge_after_days": values["retention"][kind]["purgeAfterDays"]}
            for kind in ("schedule", "sensor")
        },
    }
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(made))
    dagster_instance_config(str(tmp_path))
    # The console asks for the location by the name that the code has in the project.
    (server,) = values["dagsterWebserver"]["workspace"]["servers"]
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    assert server == {"host": deployment["name"], "port": deployment["port"], "name": LOCATION}
    port = values["dagsterWebserver"]["service"]["port"]
    console = next(one for one in _containers() if one["name"] == "console")
    assert {one["name"]: one["value"] for one in console["env"]}["LEDGER_DAGSTER_WEBSERVER_URL"].endswith(
        f":{port}"
    )
    assert values["dagsterWebserver"]["readinessProbe"]["httpGet"]["port"] == port
    # What LEDGER_DAGSTER_YAML names is mounted.
    (mount,) = deployment["volumeMounts"]
    assert {one["name"]: one["value"] for one in deployment["env"]}["LEDGER_DAGSTER_YAML"] == mount[
        "mountPath"
    ]


def _queue(daemon: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = daemon["runCoordinator"].get("config", {}).get("queuedRunCoordinator", {})
    return config


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def test_no_settings_get_into_the_image() -> None:
    copied = re.findall(r"^COPY (.+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    sources = {source for line in copied for source in line.split()[:-1]}
    assert all((PROJECT / source).exists() for source in sources)
    # Where people keep their settings is beside what is copied, never within.
    assert not any(Path("deploy/compose/.env").is_relative_to(source) for source in sources)
    assert {"**/.env", "**/*.env", "**/services.json"} <= {
        *(PROJECT / ".dockerignore").read_text().splitlines()
    }


def test_the_proxy_asks_where_dagster_listens() -> None:
    default = typer.main.get_command(app).get_command(None, "up")  # type: ignore[attr-defined]
    port = next(parameter.default for parameter in default.params if parameter.name == "dagster_port")
    assert f"proxy_pass http://127.0.0.1:{port};" in (DEPLOY / "nginx.conf").read_text()
