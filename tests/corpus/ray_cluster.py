"""A Ray cluster of two nodes with one CPU each on this machine, until its input ends.

In: RAY_AUTH_* in the environment. Out: one line of JSON with its address.
"""

import json
import sys

from ray.cluster_utils import Cluster

if __name__ == "__main__":
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        print(json.dumps({"address": cluster.address}), flush=True)
        sys.stdin.read()
    finally:
        cluster.shutdown()
