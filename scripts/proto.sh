#!/usr/bin/env bash
# Generates src/counterfoil/engine/cometbft/proto from CometBFT's own .proto files with the official compiler. Run it
# as `make proto`, after scripts/engine.sh has fetched the module; the result is committed.
set -euo pipefail
cd "$(dirname "$0")/.."

compiler=grpcio-tools==1.76.0
tools=build/proto-tools
stage=build/proto-stage
package=counterfoil/engine/cometbft/proto
target=src/$package
files="abci/types crypto/keys crypto/proof types/canonical types/evidence types/params types/types types/validator
    version/types"

scripts/engine.sh
go=$(command -v "${GO:-go}" || echo .engine/toolchain/go/bin/go)
folder_of() {
    local zip
    zip=$(GOFLAGS=-mod=mod "$go" mod download -json "$1" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
    [ -n "$zip" ] && echo "$zip"
}
version=$(sed -n 's/^version=//p' scripts/engine.sh)
comet=$(folder_of "github.com/cometbft/cometbft@v$version")
gogo=$(folder_of "github.com/cosmos/gogoproto@$(sed -n 's|.*github.com/cosmos/gogoproto ||p' "$comet/go.mod")")

[ -x $tools/bin/python ] || {
    "${PYTHON:-python3}" -m venv $tools
    $tools/bin/python -m pip install --quiet "$compiler"
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
