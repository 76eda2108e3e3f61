#!/usr/bin/env bash
# A browser for the tests that open the report as a reader does.
#
#   browser.sh   says where one is; as root on Debian it installs chromium first, where there is none
#
# Exit code 3: this machine cannot have one; the reason is printed.
set -euo pipefail

not_here() { printf 'browser: %s\n' "$*" >&2; exit 3; }

find_browser() { command -v "${KVFERRY_CHROMIUM:-chromium}" || command -v google-chrome || command -v chromium-browser; }

if ! find_browser >/dev/null; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || not_here 'no chromium on PATH or in KVFERRY_CHROMIUM, and only root on Debian can install one'
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1 ||
    not_here 'apt-get could not install chromium'
fi
"$(find_browser)" --version 2>/dev/null
