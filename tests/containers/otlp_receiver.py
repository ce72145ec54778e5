"""What Prometheus' OTLP receiver takes: metrics over HTTP, under the names that Prometheus gives them.

In: POST of OpenTelemetry's protobuf. Out: metric name to its label sets.
"""

import collections
import gzip
import http.server
import re
import threading

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest


class Receiver:
    """A server on 127.0.0.1:`port`. `series`: metric name to a set of label sets (frozensets of name and value)."""

    def __init__(self):
        self.series: dict[str, set[frozenset]] = collections.defaultdict(set)
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                receiver.take(ExportMetricsServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, request: ExportMetricsServiceRequest) -> None:
        """Note the series of one request; of the resource's attributes, those that prometheus.yml makes labels."""
        for resource in request.resource_metrics:
            common = {each.key: _text(each.value) for each in resource.resource.attributes}
            common = {"job": common.get("service.name"), "process_pid": common.get("process.pid")}
            for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                for point in getattr(metric, metric.WhichOneof("data")).data_points:
                    labels = common | {each.key: _text(each.value) for each in point.attributes}
                    self.series[prometheus_name(metric)].add(frozenset(labels.items()))

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def prometheus_name(metric) -> str:
    """The name by Prometheus' rules: underscores, the unit, `_total` for counters that only rise."""
    name = re.sub(r"\W", "_", metric.name)
    name += {"ms": "_milliseconds", "s": "_seconds"}.get(metric.unit, "")
    rises = metric.WhichOneof("data") == "sum" and metric.sum.is_monotonic
    return name if not rises or name.endswith("_total") else f"{name}_total"


def _text(value) -> str:
    return str(getattr(value, value.WhichOneof("value")))
