#!/usr/bin/env bash
# The packages as a user gets them: tarballs, installed by npm into an empty folder.
#
#   packages.sh pack FOLDER                packs every public package (built before) into FOLDER; publint and attw on each
#   packages.sh install FOLDER CONSUMER    installs the tarballs into CONSUMER and typechecks a program there
#   packages.sh use CONSUMER NODE          runs that program with NODE, the simulator's command and the bench's
#   packages.sh alone FOLDER APART         installs each backend into a folder of its own in APART, with only what it depends on
#   packages.sh examples APART NODE        runs the examples of their READMEs with NODE, against the simulator from its tarball
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/node_modules/.bin
export PATH=$PWD/node_modules/node/bin:$PATH

pack() {
  local folder=$1 pnpm package tarball
  pnpm=$(node -p 'require("./package.json").packageManager')
  mkdir -p "$folder"
  for package in packages/*/ apps/bench/; do
    # pnpm, not npm: it writes publishConfig's exports, and versions for workspace: and catalog:.
    (cd "$package" && npx --yes "$pnpm" pack --pack-destination "$folder")
  done
  for tarball in "$folder"/*.tgz; do
    if tar -tzf "$tarball" | grep -E '\.test\.|/testing/|tsbuildinfo'; then echo "$tarball holds files of tests or builds"; exit 1; fi
    "$bin/publint" run "$tarball" --strict
    "$bin/attw" "$tarball" --profile esm-only --format ascii --no-emoji
  done
}

install() {
  local folder=$1 consumer=$2 typescript resolution
  typescript=$(node -p 'require("./package.json").devDependencies.typescript')
  mkdir -p "$consumer"
  cp .ci/consumer/* "$consumer"
  cd "$consumer"
  # Some peers of AWS's packages are of other versions than npm would choose: what users see, so no flag hides it.
  npm install --no-fund --no-audit "$folder"/*.tgz "typescript@$typescript" @types/node@22
  for resolution in nodenext bundler; do npx tsc -p "tsconfig.$resolution.json" --noEmit; done
  npx tsc -p tsconfig.nodenext.json
}

use() {
  local consumer=$1 node=$2 json=$PWD/.ci/one-json-document.mjs
  cd "$consumer"
  "$node" --version
  "$node" built/program.js
  "$node" node_modules/.bin/kvferry-s3-simulator --help | head -1
  "$node" node_modules/.bin/kvferry-bench --help | head -1
  "$node" node_modules/.bin/kvferry-bench conformance --backend memory --json >bench.json
  "$node" "$json" bench.json 'backend="memory"' failed=0
  "$node" node_modules/.bin/kvferry-bench run --backend memory --model qwen2.5-0.5b --max-objects 4 --max-bytes 400MiB \
    --max-time 20 --conformance off --json >run.json
  "$node" "$json" run.json 'backend="memory"' 'status="complete"'
}

case ${1:-} in
  pack) pack "$2" ;;
  install) install "$2" "$3" ;;
  use) use "$2" "$3" ;;
  alone) node .ci/alone.mjs install "$2" "$3" ;;
  examples) node .ci/alone.mjs run "$2" "$3" ;;
  *) sed -n '2,8p' "$0"; exit 2 ;;
esac
