# shellcheck shell=bash
# Power: a real NUT server with two UPSes that are files (the `dummy-ups` driver). ups-a feeds the servers and the jump
# host, ups-b all the rest. They are asked at 10.77.0.1:3493, as a UPS with a network card would be.
#
# Debian's upsd and upsdrvctl are wrappers that do nothing unless /etc/nut says so; the programs behind them are called
# here, in the foreground, with a folder of our own.

UPSES=(ups-a ups-b)
NUT_SERVER=10.77.0.1

power_names() { echo "${UPSES[*]/%/@$NUT_SERVER}"; }
nut() { in_site env NUT_CONFPATH="$TESTBED_DIR/nut" NUT_STATEPATH="$TESTBED_DIR/nut/state" NUT_ALTPIDPATH="$TESTBED_DIR/nut/state" "$@"; }

power_up() {
	local ups dir=$TESTBED_DIR/nut
	mkdir -p "$dir/state"
	for ups in "${UPSES[@]}"; do
		printf '[%s]\n\tdriver = dummy-ups\n\tport = %s.dev\n\tmode = dummy-loop\n\tdesc = "testbed"\n' "$ups" "$ups"
	done >"$dir/ups.conf"
	sed -i '1i pollinterval = 1' "$dir/ups.conf"
	printf 'LISTEN 0.0.0.0 3493\nMAXAGE 15\n' >"$dir/upsd.conf"
	# A site of one's own making, reachable from nowhere: the password is as public as this file.
	printf '[monitor]\n\tpassword = monitor\n\tactions = SET FSD\n\tinstcmds = ALL\n\tupsmon primary\n' >"$dir/upsd.users"
	chmod 640 "$dir"/*.conf "$dir/upsd.users"
	for ups in "${UPSES[@]}"; do
		# Mains are there whenever a site starts.
		ups_write "$ups" ups.status OL battery.charge 100 battery.runtime 1800
		power_driver_up "$ups"
	done
	background nut-server nsenter --net="/run/netns/$SITE" env NUT_CONFPATH="$dir" NUT_STATEPATH="$dir/state" \
		NUT_ALTPIDPATH="$dir/state" /lib/nut/upsd -u root -F
}
power_driver_up() {
	local dir=$TESTBED_DIR/nut
	background "nut-$1" nsenter --net="/run/netns/$SITE" env NUT_CONFPATH="$dir" NUT_STATEPATH="$dir/state" \
		NUT_ALTPIDPATH="$dir/state" /lib/nut/dummy-ups -a "$1" -u root -F
}
power_down() {
	local name
	for name in "${UPSES[@]}"; do
		background_end "drain-$name"
		background_end "nut-$name" -KILL # also one that was frozen
	done
	background_end nut-server
}
power_status() {
	local ups
	for ups in "${UPSES[@]}"; do
		printf '  %-8s %s\n' "$ups" "$(ups_say "$ups")"
	done
}
ups_say() {
	local all
	all=$(nut upsc "$1@$NUT_SERVER" 2>&1) || { echo "${all##*$'\n'}"; return; }
	awk -F': ' '$1 == "ups.status" { s = $2 } $1 == "battery.charge" { c = $2 } $1 == "battery.runtime" { r = $2 }
		END { printf "%s, %s %%, %s s\n", s, c, r }' <<<"$all"
}

need_ups() { need_site; [[ " ${UPSES[*]} " == *" ${1:-} "* ]] || refuse "no UPS called '${1:-}' (there are: ${UPSES[*]})"; }
ups_file() { echo "$TESTBED_DIR/nut/$1.dev"; }
ups_get() { sed -n "s/^$2: //p" "$(ups_file "$1")"; }

# ups_write UPS VAR VALUE...: what the UPS measures. The driver reads its file in a loop, so the file is replaced as a
# whole, never edited in place.
ups_write() {
	local ups=$1 file
	file=$(ups_file "$ups")
	shift
	[[ -e $file ]] || cat >"$file" <<-END
		ups.mfr: Testbed
		ups.model: $ups
		ups.load: 35
		ups.realpower.nominal: 900
		battery.charge.low: 20
		battery.runtime.low: 120
		input.voltage: 230.0
		TIMER 2
	END
	cp "$file" "$file.new"
	while (($# >= 2)); do
		sed -i -e "/^$1: /d" -e "/^TIMER/i $1: $2" "$file.new"
		shift 2
	done
	chmod 640 "$file.new"
	mv "$file.new" "$file"
}

# An empty battery without mains: what hangs on this UPS is dark, at once and without warning.
ups_empty() {
	local ups=$1 name dark=()
	[[ $(ups_get "$ups" ups.status) == *OB* && $(ups_get "$ups" battery.charge) == 0 ]] || return 0
	for name in "${MACHINES[@]}"; do [[ ${FED_BY[$name]} != "$ups" ]] || dark+=("$name"); done
	say "$ups is empty: ${dark[*]} go dark"
	machines_cut "${dark[@]}"
}

cmd_ups_set() { # UPS VAR VALUE...
	need_ups "${1:-}"
	(($# >= 3 && $# % 2 == 1)) || refuse "usage: testbed ups-set UPS VAR VALUE [VAR VALUE...]"
	ups_write "$@"
	ups_empty "$1"
}
# ups-drain UPS SECONDS: mains fail, and the battery lasts that long. ups-set UPS ups.status OL ends it.
cmd_ups_drain() {
	need_ups "${1:-}"
	[[ ${2:-} =~ ^[1-9][0-9]*$ ]] || refuse "usage: testbed ups-drain UPS SECONDS"
	background_end "drain-$1"
	ups_write "$1" ups.status OB battery.runtime "$2"
	background "drain-$1" "$SELF" _drain "$1" "$2"
}
ups_drain_loop() {
	local ups=$1 total=$2 full left end=$((SECONDS + $2)) status
	full=$(ups_get "$ups" battery.charge)
	while ((SECONDS < end)); do
		sleep 1
		[[ $(ups_get "$ups" ups.status) == *OB* ]] || return 0
		left=$((end - SECONDS))
		((left > 0)) || left=0
		status=OB
		((left > 120 && full * left / total > 20)) || status="OB LB"
		ups_write "$ups" ups.status "$status" battery.charge $((full * left / total)) battery.runtime "$left"
	done
	ups_empty "$ups"
}
cmd_ups_stop() { need_ups "${1:-}" && background_end "nut-$1" -KILL; } # the driver is dead
cmd_ups_start() { need_ups "${1:-}" && power_driver_up "$1"; }
cmd_ups_freeze() { need_ups "${1:-}" && kill -STOP "$(pid_of "$RUN/nut-$1.pid")"; } # hung: data go stale
cmd_ups_thaw() { need_ups "${1:-}" && kill -CONT "$(pid_of "$RUN/nut-$1.pid")"; }
