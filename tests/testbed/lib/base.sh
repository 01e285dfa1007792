# shellcheck shell=bash
# What comes from Debian: the programs that this script needs, and the image that all machines share.

HOST_PACKAGES=(systemd-container debootstrap iproute2 nut-server nut-client openssh-client git openssl jq util-linux
	busybox-static python3 curl procps)
# dash, coreutils and util-linux (flock) are part of every Debian.
BASE_PACKAGES=(systemd systemd-sysv dbus openssh-server sudo iproute2 iputils-ping procps curl git python3 openssl
	ca-certificates containerd runc containernetworking-plugins busybox-static iptables nftables nut-client)

base_path() {
	echo "$TESTBED_CACHE/base-$DEBIAN_SUITE-$(echo "$BASE_RECIPE ${BASE_PACKAGES[*]}" | sha256sum | cut -c1-8)"
}

host_packages() {
	local p missing=()
	for p in "${HOST_PACKAGES[@]}"; do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) == installed ]] || missing+=("$p")
	done
	((${#missing[@]})) || return 0
	command -v apt-get >/dev/null || refuse "this needs Debian 12 (apt-get is not here); missing: ${missing[*]}"
	say "installing ${missing[*]}"
	dpkg --configure -a >&2 # an installation that was killed half-way refuses all others until this is done
	DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# One image, never written to: each machine's disk is a layer of its own above it.
base_build() {
	local base started=$SECONDS list
	base=$(base_path)
	[[ -d $base ]] && return
	say "building the base image (about a minute)"
	rm -rf "$base.new"
	list=$(IFS=,; echo "${BASE_PACKAGES[*]}")
	# shellcheck disable=SC2024 # we are root already
	nice -n "$BUILD_NICE" debootstrap --variant=minbase --include="$list" "$DEBIAN_SUITE" "$base.new" \
		>"$TESTBED_CACHE/debootstrap.log" 2>&1 || die "debootstrap failed: see $TESTBED_CACHE/debootstrap.log"
	base_configure "$base.new"
	rm -rf "$base.new/var/cache/apt/archives" "$base.new/var/lib/apt/lists"
	mkdir -p "$base.new/var/cache/apt/archives/partial" "$base.new/var/lib/apt/lists/partial"
	mv "$base.new" "$base"
	say "built the base image in $((SECONDS - started)) s"
}

base_configure() {
	local root=$1 unit
	# Each machine gets its own identity.
	: >"$root/etc/machine-id"
	: >"$root/etc/resolv.conf"
	rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/hostname" "$root/var/lib/dbus/machine-id"
	# `ananke` is the tool's user and may do nothing by default. `admin` is the person who set the machine up.
	chroot "$root" useradd --create-home --uid 2001 --shell /bin/bash ananke
	chroot "$root" useradd --create-home --uid 2002 --shell /bin/bash admin
	echo 'admin ALL=(ALL:ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/admin"
	chmod 440 "$root/etc/sudoers.d/admin"
	# Nothing here may look for the internet, and nobody sits at the console.
	for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
		fstrim.timer console-getty.service getty@.service nut-monitor.service nut-client.service; do
		ln -sf /dev/null "$root/etc/systemd/system/$unit"
	done
	mkdir -p "$root/var/log/journal" "$root/opt/rig"
}
