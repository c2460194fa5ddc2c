#!/usr/bin/env bash
# Installs what some tests talk to and Python packages do not bring, where it is missing: a software token for PKCS#11
# (SoftHSM) and a name server with its signing tools (BIND). Debian or a relative of it, as root; no service is started.
set -euo pipefail

packages=()
command -v softhsm2-util >/dev/null || packages+=(softhsm2)
command -v named >/dev/null || packages+=(bind9)
command -v dnssec-signzone >/dev/null || packages+=(bind9-utils)
[ ${#packages[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "These tests need ${packages[*]}: install them (as root on Debian: $0)." >&2
    exit 1
fi

# The packages would start their services; a machine that forbids it already keeps its own answer.
forbid=/usr/sbin/policy-rc.d
if [ ! -e $forbid ]; then
    printf '#!/bin/sh\nexit 101\n' >$forbid
    chmod 755 $forbid
    trap 'rm -f $forbid' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
