#!/usr/bin/env bash
# Resolves requirements/*.in. dev.txt is everything together; the images' locks are held to its versions.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
links=${UV_FIND_LINKS:-${PIP_FIND_LINKS:-}}
export UV_FIND_LINKS=${links:-https://download.pytorch.org/whl/cpu/torch/}
options=(--quiet --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header)
compile() { "$uv" pip compile "${options[@]}" --override requirements/overrides.txt "$@"; }

compile --upgrade requirements/dev.in -o requirements/dev.txt
for image in airflow ml web; do
    compile --constraint requirements/dev.txt "requirements/$image.in" -o "requirements/$image.txt"
done
# The CUDA builds bring versions of their own, and must not find the CPU build of torch.
env -u UV_FIND_LINKS "$uv" pip compile "${options[@]}" requirements/ml-gpu.in -o requirements/ml-gpu.txt
