#!/usr/bin/env bash
# Generates src/counterfoil/engine/cometbft/proto from CometBFT's own .proto files with the official compiler. Run it
# as `make proto`, after scripts/engine.sh has fetched the module; the result is committed.
set -euo pipefail
cd "$(dirname "$0")/.."

compiler_lock=requirements-proto.lock
tools=build/proto-tools
stage=build/proto-stage
package=counterfoil/engine/cometbft/proto
target=src/$package
files="abci/types crypto/keys crypto/proof types/canonical types/evidence types/params types/types types/validator
    version/types"

scripts/engine.sh
go=$(command -v "${GO:-go}" || echo .engine/toolchain/go/bin/go)
folder_of() { # module@version, its digest
    local fetched found
    fetched=$(GOFLAGS=-mod=mod "$go" mod download -json "$1")
    found=$(sed -n 's/^\t"Sum": "\(.*\)",*$/\1/p' <<<"$fetched")
    if [ "$found" != "$2" ]; then
        echo "The module $1 has the digest $found, not $2: it is not what was looked at." >&2
        exit 1
    fi
    sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p' <<<"$fetched"
}
sum_in() { # go.sum, module, version
    sed -n "s|^$2 $3 h1:|h1:|p" "$1"
}
version=$(sed -n 's/^version=//p' scripts/engine.sh)
comet=$(folder_of "github.com/cometbft/cometbft@v$version" "$(sed -n 's/^module_sum=//p' scripts/engine.sh)")
gogo_version=$(sed -n 's|.*github.com/cosmos/gogoproto ||p' "$comet/go.mod")
gogo=$(folder_of "github.com/cosmos/gogoproto@$gogo_version" \
    "$(sum_in "$comet/go.sum" github.com/cosmos/gogoproto "$gogo_version")")

[ -x $tools/bin/python ] || {
    "${PYTHON:-python3}" -m venv $tools
    $tools/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r $compiler_lock
}
rm -rf $stage $target
mkdir -p $stage/$package/gogoproto $target
staged=""
place() { # file, path below the package
    mkdir -p "$(dirname "$stage/$package/$2")"
    sed -E "s|^import \"(tendermint\|gogoproto)/|import \"$package/\1/|" "$1" > "$stage/$package/$2"
    chmod u+w "$stage/$package/$2"
    staged="$staged $package/$2"
}
place "$gogo/gogoproto/gogo.proto" gogoproto/gogo.proto
for file in $files; do place "$comet/proto/tendermint/$file.proto" "tendermint/$file.proto"; done
# shellcheck disable=SC2086
$tools/bin/python -m grpc_tools.protoc -I $stage --python_out=src --pyi_out=src $staged
for folder in $(find $target -type d); do
    echo '"""Generated from CometBFT'"'"'s .proto files by `make proto`; not edited by hand."""' > "$folder/__init__.py"
done
