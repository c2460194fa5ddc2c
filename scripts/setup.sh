#!/usr/bin/env bash
# Makes .venv with the pinned packages and Counterfoil itself, from wheels only. Needs Python 3.11 or newer, and uses
# uv where it is installed. Run it as `make setup`; it does nothing where nothing has changed.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv
wanted=$(cat requirements-dev.lock pyproject.toml | cksum)
if [ "$(cat $venv/.made-from 2>/dev/null || true)" = "$wanted" ] && [ -x $venv/bin/python ]; then
    exit 0
fi

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    echo "Counterfoil needs Python 3.11 or newer. Install it, or name it: make setup PYTHON=/path/to/python3" >&2
    exit 1
}

if [ ! -x $venv/bin/python ]; then
    python=$(find_python)
    echo "Making $venv with $("$python" --version) ..." >&2
    if ! "$python" -m venv $venv 2>/dev/null; then
        rm -rf $venv
        if command -v uv >/dev/null; then
            uv venv --quiet --python "$python" $venv
        else
            echo "Python's venv module does not work here. Install it (Debian: apt-get install python3-venv) or uv." >&2
            exit 1
        fi
    fi
fi

echo "Installing the pinned packages ..." >&2
if command -v uv >/dev/null; then
    install=(uv pip install --quiet --python $venv/bin/python)
else
    install=($venv/bin/python -m pip --disable-pip-version-check install --quiet)
fi
"${install[@]}" --require-hashes --only-binary :all: -r requirements-dev.lock
"${install[@]}" --no-build-isolation --no-deps -e .
echo "$wanted" >$venv/.made-from
