#!/usr/bin/env bash
# Installs what the tortures, the drills and the tests of encryption, of TLS and of etcd need beside Node, on Debian and as root; does nothing where
# that cannot be had. Never fails: what is missing is named by the tests that did not run for it.
set -uo pipefail

missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
PATH=$PATH:/usr/sbin:/sbin
command -v mkfs.ext4 >/dev/null || missing+=(e2fsprogs)
command -v mkfs.xfs >/dev/null || missing+=(xfsprogs)
# Network namespaces of the drills.
command -v ip >/dev/null || missing+=(iproute2)
# Opens encrypted archives by hand.
command -v age >/dev/null || missing+=(age)
# The directory of servers that share no file. Installed, not started.
command -v etcd >/dev/null || missing+=(etcd-server)
# Certificates of tests.
command -v openssl >/dev/null || missing+=(openssl)
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "not installed, and not to be had without root and apt-get: ${missing[*]}"
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# A package must not start a server on a usual port of this machine.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
install() { apt-get install --yes --quiet --no-install-recommends "${missing[@]}" >/dev/null 2>&1; }
# Package lists may be missing or old.
install || { apt-get update --quiet >/dev/null 2>&1; install; } || echo "could not be installed: ${missing[*]}"
exit 0
