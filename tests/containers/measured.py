"""Which metrics the dashboards and alert rules ask for.

In: config/prometheus/rules.yml, config/grafana/dashboards/*.json. Out: PromQL expressions and the
metric names in them.
"""

import json

import promql_parser
import yaml

from tests.containers.compose import ROOT

RULES = ROOT / "config" / "prometheus" / "rules.yml"
ENGINES = ("ray_bardloop_", "ray_vllm_", "ray_serve_")
"""How the metrics begin that only a running engine sends."""
DASHBOARDS = sorted((ROOT / "config" / "grafana" / "dashboards").glob("*.json"))


def expressions() -> dict[str, str]:
    """Where each expression stands ("file: name"), to the expression."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    found = {f"{RULES.name}: {rule['alert']}": rule["expr"] for group in groups for rule in group["rules"]}
    for file in DASHBOARDS:
        dashboard = json.loads(file.read_text())
        for note in dashboard.get("annotations", {}).get("list", []):
            found[f"{file.name}: {note['name']}"] = note["expr"]
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                found[f"{file.name}: {panel['title']} {target['refId']}"] = target["expr"]
    return found


def metrics() -> set[str]:
    """Names of all metrics that are asked for."""
    names: set[str] = set()
    for expression in expressions().values():
        _collect(promql_parser.parse(expression.replace("$__rate_interval", "5m")), names)
    return names


def _collect(node, names: set[str]) -> None:
    """Add the names in a syntax tree."""
    if isinstance(node, promql_parser.VectorSelector):
        names.add(node.name)
    for part in ("vector_selector", "expr", "lhs", "rhs", "param"):
        if (child := getattr(node, part, None)) is not None:
            _collect(child, names)
    for argument in getattr(node, "args", None) or []:
        _collect(argument, names)
