#!/usr/bin/env bash
# Installs what `npm run bench` compares with, from Debian: PostgreSQL 15 (with pgbench) and Redis.
# The bench starts servers of its own; those that Debian's packages may start are stopped again.
set -euo pipefail

if [ "$(id -u)" -ne 0 ]; then
  echo 'run this as root: it installs packages' >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install --yes --no-install-recommends postgresql-15 redis-server

if [ -d /run/systemd/system ]; then
  systemctl disable --now postgresql redis-server
else
  pg_ctlcluster 15 main stop 2>/dev/null || echo 'no cluster of PostgreSQL was running'
  service redis-server stop >/dev/null 2>&1 || echo 'no Redis was running'
fi
/usr/lib/postgresql/15/bin/postgres --version
redis-server --version
