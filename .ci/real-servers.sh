#!/usr/bin/env bash
# The real S3 servers that tests run against, where this machine can have them.
#
#   real-servers.sh binaries             builds minio and versitygw into the user's cache folder, once (Go needed)
#   real-servers.sh with-docker COMMAND  runs COMMAND where testcontainers finds a Docker engine that has MinIO's image
#
# with-docker takes the engine that answers. Where there is none, and we are root on Debian, it installs docker.io, starts
# an engine of its own on a socket of its own, puts MinIO's image into it (built from the binary), and stops it at the end.
# Exit code 3: this machine cannot have it; the reason is printed.
set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/kvferry/bin
image=${KVFERRY_MINIO_IMAGE:-quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z}
# MinIO is distributed as source only since October 2025.
minio=github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
versitygw=github.com/versity/versitygw/cmd/versitygw@v1.8.0

say() { printf 'real-servers: %s\n' "$*" >&2; }
not_here() { say "$*"; exit 3; }

binaries() {
  local module name
  mkdir -p "$cache"
  for module in "$versitygw" "$minio"; do
    name=${module%@*} name=${name##*/}
    if [ -x "$cache/$name" ]; then say "$cache/$name is there"; continue; fi
    command -v go >/dev/null || not_here "Go is not installed, so $name cannot be built"
    say "building $name (minutes, once)"
    # Behind everything else that runs; into a folder of its own first, so that nobody finds half a binary.
    local made; made=$(mktemp -d "$cache/.build-XXXXXX")
    CGO_ENABLED=0 GOBIN=$made GOFLAGS= nice -n 19 go install -ldflags '-s -w' "$module" 2>"$made/log" ||
      { tail -20 "$made/log" >&2; rm -rf "$made"; not_here "go install $module failed"; }
    mv "$made/$name" "$cache/$name"
    rm -rf "$made"
    say "built $cache/$name in $SECONDS s"
  done
}

engine_answers() { command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1; }

with_docker() {
  if engine_answers; then
    say "the Docker engine of this machine answers"
    docker image inspect "$image" >/dev/null 2>&1 || timeout 90 docker pull --quiet "$image" >/dev/null ||
      not_here "$image cannot be pulled"
    "$@"
    return
  fi
  [ -x "$cache/minio" ] || not_here "no Docker engine answers, and for one of our own there is no $cache/minio to put into it"
  home=$(mktemp -d)
  trap stop_engine EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  command -v dockerd >/dev/null || install_docker
  start_engine
  build_image
  # The reaper's image cannot be had from our engine, and stop_engine reaps. Inside of a container testcontainers would look
  # for published ports at the bridge's gateway; our engine publishes on the loopback address only.
  TESTCONTAINERS_RYUK_DISABLED=true TESTCONTAINERS_HOST_OVERRIDE=127.0.0.1 "$@"
}

install_docker() {
  [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ] ||
    not_here "no Docker engine answers, and installing one takes root on Debian"
  say "installing docker.io"
  # Its service stays off: the engine that runs is ours, for as long as it is needed.
  local policy=/usr/sbin/policy-rc.d ours=no
  if [ ! -e $policy ]; then ours=yes; printf '#!/bin/sh\nexit 101\n' >$policy; chmod +x $policy; fi
  local done=yes
  { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends docker.io iptables; } \
    >"$home/apt.log" 2>&1 </dev/null || done=no
  [ $ours = no ] || rm -f $policy
  [ $done = yes ] || { tail -5 "$home/apt.log" >&2; not_here "docker.io could not be installed"; }
}

start_engine() {
  export DOCKER_HOST=unix://$home/docker.sock
  # vfs works on every file system; the one image is small. --ip: published ports listen on the loopback address only.
  dockerd --host "$DOCKER_HOST" --ip 127.0.0.1 --storage-driver vfs --data-root "$home/data" --exec-root "$home/exec" \
    --pidfile "$home/pid" >"$home/log" 2>&1 </dev/null &
  engine=$!
  for _ in $(seq 150); do
    if engine_answers; then say "started a Docker engine on $DOCKER_HOST"; return; fi
    kill -0 $engine 2>/dev/null || break
    sleep 0.2
  done
  tail -5 "$home/log" >&2
  not_here "dockerd did not start"
}

build_image() {
  mkdir "$home/image"
  cp "$cache/minio" "$home/image/minio"
  printf 'FROM scratch\nCOPY minio /minio\nENTRYPOINT ["/minio"]\n' >"$home/image/Dockerfile"
  # BuildKit comes as a package of its own.
  DOCKER_BUILDKIT=0 docker build --quiet --tag "$image" "$home/image" >"$home/build.log" 2>&1 ||
    { tail -5 "$home/build.log" >&2; not_here "the image could not be built"; }
  rm -r "$home/image"
  say "built $image around $cache/minio"
}

stop_engine() {
  docker ps --quiet 2>/dev/null | xargs -r docker kill >/dev/null 2>&1 || true
  if [ -n "${engine:-}" ]; then kill "$engine" 2>/dev/null || true; wait "$engine" 2>/dev/null || true; fi
  umount "$home"/exec/netns/* 2>/dev/null || true
  rm -rf "$home"
}

case ${1:-} in
  binaries) binaries ;;
  with-docker) shift; with_docker "$@" ;;
  *) sed -n '2,9p' "$0"; exit 2 ;;
esac
