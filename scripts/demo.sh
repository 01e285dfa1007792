#!/usr/bin/env bash
# Shows the main job on two real machines (systemd, sshd, etcd, kube-apiserver, kubelet) in network namespaces
# of this host: the power of both is cut, one agent does not come up again, and ananke gets the cluster back.
# Takes a Debian 12 with Rust and Go, as root. The first run builds Kubernetes: about 15 minutes; later ones, one.
# The machines stay up afterwards, to look around: scripts/testbed status; scripts/testbed wipe removes them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
((EUID == 0)) || { echo "demo: needs root, for network namespaces and machines" >&2; exit 2; }

TESTBED_DIR=${TESTBED_DIR:-/var/lib/ananke-demo}
export TESTBED_DIR
config=$TESTBED_DIR/demo.yaml

say() { printf '\n\033[1m%s\033[0m\n' "== $*"; }
site() { scripts/testbed "$@"; }
ananke() { site exec "$PWD/target/debug/ananke" --config "$config" "$@"; }

say "building ananke and the machines"
cargo build --locked
site up --size tiny
{
	cat "$(site config)"
	echo 'cluster: demo'
	echo 'startup: { soak: 10s, agent_start: 60s, server_start: 90s, backoff: 5s }'
} >"$config"

say "ananke prepare: a person's sudo puts the guard on both nodes"
ananke prepare --user admin --identity "$TESTBED_DIR/ssh/admin" --execute

say "a power failure: both machines off, then on; the agent of w-1 does not start"
site ssh w-1 sudo systemctl disable k3s-agent
site node-cut cp-1 w-1
site node-on cp-1 w-1

say "ananke plan: what it would do (a look, nothing is changed)"
ananke plan || true

say "ananke startup --execute"
status=0
ananke startup --execute --timeout 300 || status=$?

say "ananke status"
ananke status || true
site ssh w-1 sudo systemctl enable k3s-agent
say "the machines are still up; scripts/testbed wipe (with TESTBED_DIR=$TESTBED_DIR) removes them"
exit "$status"
