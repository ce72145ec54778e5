#!/usr/bin/env bash
# Makes .venv from the locks given. Needs Python 3.11; finds or brings uv. Works as root and as a normal user.
set -euo pipefail
cd "$(dirname "$0")/.."

stop() { echo "install: $*" >&2; exit 1; }

python=""
for candidate in python3.11 python3; do
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
        python=$(command -v "$candidate")
        break
    fi
done
[ -n "$python" ] || stop "Python 3.11 not found on PATH; install it (Debian 12: apt-get install python3)"

# An environment that is already there brings its own uv; otherwise the machine's, otherwise one from pip.
if [ ! -x .venv/bin/python ]; then
    if command -v uv >/dev/null; then
        uv venv --quiet --python "$python" .venv
    else
        if ! "$python" -c 'import ensurepip' 2>/dev/null; then
            # Debian and Ubuntu ship Python without ensurepip, in a package of its own.
            [ "$(id -u)" = 0 ] || stop "this Python lacks venv; as root: apt-get install python3-venv"
            apt-get update -qq && apt-get install -y -qq python3-venv || stop "apt-get install python3-venv failed"
        fi
        "$python" -m venv .venv
    fi
fi
if [ -x .venv/bin/uv ]; then
    uv=.venv/bin/uv
elif command -v uv >/dev/null; then
    uv=$(command -v uv)
else
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "$(grep -oE '^uv==[^ ]+' requirements/dev.txt)"
    uv=.venv/bin/uv
fi

# uv does not read pip's settings. Where the machine names a place for wheels, torch's CPU build lies there;
# anywhere else PyTorch's own list of CPU wheels has it.
pip_setting() { "$python" -m pip config get "global.$1" 2>/dev/null || true; }
links=${UV_FIND_LINKS:-${PIP_FIND_LINKS:-$(pip_setting find-links)}}
export UV_FIND_LINKS=${links:-https://download.pytorch.org/whl/cpu/torch/}
index=${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-$(pip_setting index-url)}}
if [ -n "$index" ]; then export UV_DEFAULT_INDEX=$index; fi

echo "Making the environment in .venv (about 4 GB) ..."
SECONDS=0
"$uv" pip sync --quiet --python .venv/bin/python "$@"
echo "Environment ready after ${SECONDS} s."
