#!/usr/bin/env bash
# Remakes requirements.lock and requirements-dev.lock from pyproject.toml, and the locks of the two tools from PyPI that
# `make engine` and `make proto` use, with hashes and without any address, so that the same files serve whichever
# package index a machine is configured for. Run it as `make lock`.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=build/lock-tools
[ -x "$tools/bin/pip-compile" ] || {
    "${PYTHON:-python3}" -m venv "$tools"
    "$tools/bin/python" -m pip install --quiet pip-tools
}

compile() { # output, what it is made from, options
    local output=$1 source=$2
    shift 2
    [ -f "$output" ] && sed -i.bak '/^# /d' "$output" && rm "$output.bak"
    "$tools/bin/pip-compile" --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
        --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
        "$@" --output-file "$output" "$source"
    if grep -nE '://|--(index|extra-index|find-links|trusted)' "$output"; then
        echo "$output names an address; it must not" >&2
        exit 1
    fi
    { echo "# Made from $source by \`make lock\`; not edited by hand."; cat "$output"; } > "$output.new"
    mv "$output.new" "$output"
}

compile requirements.lock pyproject.toml "$@"
compile requirements-dev.lock pyproject.toml --extra dev --extra custodian --extra dns --extra pkcs11 --extra registrar --extra vault --constraint requirements.lock "$@"
compile requirements-go.lock scripts/go.in "$@"
compile requirements-proto.lock scripts/proto.in "$@"
