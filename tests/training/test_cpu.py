"""What a job asks of the machine when it computes on CPUs."""

import subprocess
import sys

import pytest

TENSORS = """
import resource, sys
if sys.argv[1] == "kept":
    from jobs.training.cpu import keep_freed_memory
    keep_freed_memory()
import torch
def one_after_the_other():
    for _ in range(20):
        torch.ones(16 * 2**20)  # 64 MiB
one_after_the_other()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
one_after_the_other()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.fixture
def page_faults():
    """How often the system had to give memory while 20 large tensors were made and dropped, after 20 others were."""

    def faults(how: str) -> int:
        done = subprocess.run([sys.executable, "-c", TENSORS, how], capture_output=True, text=True, check=True)
        return int(done.stdout)

    return faults


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_freed_tensors_make_room_for_the_next_ones(page_faults):
    returned, kept = page_faults("returned"), page_faults("kept")
    assert returned > 1000  # or the machine gives no reason to keep anything
    assert kept < returned / 100
