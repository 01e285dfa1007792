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
		background_end "ramp-$ups"
		ups_write "$ups" ups.status OL battery.charge 100 battery.runtime 1800 input.voltage 230.0
		power_driver_up "$ups"
	done
	power_server_up
}
power_server_up() {
	local dir=$TESTBED_DIR/nut
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
		background_end "ramp-$name"
		background_end "nut-$name" -KILL # also one that was frozen
	done
	background_end nut-server -KILL
}
power_status() {
	local ups
	for ups in "${UPSES[@]}"; do
		printf '  %-8s %s\n' "$ups" "$(ups_say "$ups")"
	done
}
ups_say() {
	local all
	all=$(nut timeout 3 upsc "$1@$NUT_SERVER" 2>&1) || { echo "${all##*$'\n'}"; return; }
	awk -F': ' '$1 == "ups.status" { s = $2 } $1 == "battery.charge" { c = $2 } $1 == "battery.runtime" { r = $2 }
		END { printf "%s, %s %%, %s s\n", s, c, r }' <<<"$all"
}

need_ups() { need_site; [[ " ${UPSES[*]} " == *" ${1:-} "* ]] || refuse "no UPS called '${1:-}' (there are: ${UPSES[*]})"; }
ups_file() { echo "$TESTBED_DIR/nut/$1.dev"; }
ups_get() { sed -n "s/^$2: //p" "$(ups_file "$1")"; }

# ups_write UPS VAR VALUE...: what the UPS measures. The driver reads its file in a loop, so the file is replaced as a
# whole, never edited in place. A ramp and a person may write at the same time: the lock keeps both.
ups_write() {
	local ups=$1 file
	file=$(ups_file "$ups")
	shift
	(
		flock 7
		[[ -e $file ]] || ups_new "$ups" >"$file"
		cp "$file" "$file.new"
		while (($# >= 2)); do
			sed -i -e "/^$1: /d" -e "/^TIMER/i $1: $2" "$file.new"
			shift 2
		done
		chmod 640 "$file.new"
		mv "$file.new" "$file"
	) 7>"$file.lock"
}
ups_new() {
	cat <<-END
		ups.mfr: Testbed
		ups.model: $1
		ups.load: 35
		ups.realpower.nominal: 900
		battery.charge.low: 20
		battery.runtime.low: 120
		input.voltage: 230.0
		TIMER 2
	END
}

# A UPS on battery with nothing left feeds nobody.
ups_is_empty() { [[ $(ups_get "$1" ups.status) == *OB* && $(ups_get "$1" battery.charge) == 0 ]]; }
# What hangs on it is dark then, at once and without warning.
ups_empty() {
	local ups=$1 name dark=()
	ups_is_empty "$ups" || return 0
	for name in "${MACHINES[@]}"; do [[ ${FED_BY[$name]} != "$ups" ]] || dark+=("$name"); done
	say "$ups is empty: ${dark[*]} go dark"
	machines_cut "${dark[@]}"
}
need_power() { # MACHINE
	! ups_is_empty "${FED_BY[$1]}" ||
		refuse "$1 has no power: ${FED_BY[$1]} is empty (ups-set ${FED_BY[$1]} ups.status OL, or ups-charge)"
}

cmd_ups_set() { # UPS VAR VALUE...
	need_ups "${1:-}"
	(($# >= 3 && $# % 2 == 1)) || refuse "usage: testbed ups-set UPS VAR VALUE [VAR VALUE...]"
	# A ramp ends when somebody says how things are.
	[[ " $* " != *" ups.status "* ]] || background_end "ramp-$1"
	ups_write "$@"
	ups_empty "$1"
}

# Mains fail, and the battery lasts SECONDS, or as long as it says itself.
cmd_ups_drain() { ups_ramp drain "$@"; }
# Mains are back, and the battery is full again after SECONDS.
cmd_ups_charge() { ups_ramp charge "$@"; }
ups_ramp() { # drain|charge UPS [SECONDS]
	local way=$1 ups=${2:-} total=${3:-}
	need_ups "$ups"
	[[ -n $total || $way == charge ]] || total=$(ups_get "$ups" battery.runtime)
	[[ $total =~ ^[1-9][0-9]*$ ]] || refuse "usage: testbed ups-$way UPS SECONDS"
	background_end "ramp-$ups"
	if [[ $way == drain ]]; then
		ups_write "$ups" ups.status OB battery.runtime "$total" input.voltage 0.0
	else
		ups_write "$ups" ups.status "OL CHRG" input.voltage 230.0
	fi
	background "ramp-$ups" "$SELF" _ramp "$way" "$ups" "$total"
}
# In the background until the battery is empty or full, or somebody says otherwise (ups-set).
ups_ramp_loop() { # drain|charge UPS SECONDS
	local ups=$2 total=$3 from left end=$((SECONDS + $3)) charge
	from=$(ups_get "$ups" battery.charge)
	while ((SECONDS < end)); do
		sleep 1
		left=$((end > SECONDS ? end - SECONDS : 0))
		if [[ $1 == drain ]]; then
			[[ $(ups_get "$ups" ups.status) == *OB* ]] || return 0
			charge=$((from * left / total))
			ups_write "$ups" ups.status "$(ups_low "$left" "$charge")" battery.charge "$charge" battery.runtime "$left"
		else
			[[ $(ups_get "$ups" ups.status) == "OL CHRG" ]] || return 0
			charge=$((100 - (100 - from) * left / total))
			ups_write "$ups" battery.charge "$charge" battery.runtime "$((1800 * charge / 100))"
		fi
	done
	if [[ $1 == charge ]]; then ups_write "$ups" ups.status OL; fi
	ups_empty "$ups"
}
# LB where the UPS itself would say it: below battery.charge.low or battery.runtime.low.
ups_low() { if (($1 > 120 && $2 > 20)); then echo OB; else echo "OB LB"; fi; }

# ups-stop|start|freeze|thaw UPS|server: the driver of one UPS, or the NUT server itself, dead or hung. A hung driver's
# data go stale; a hung server takes connections and says nothing.
ups_part() { # UPS|server: the name of the process
	need_site
	[[ ${1:-} == server ]] || need_ups "${1:-}"
	echo "nut-$1"
}
ups_signal() { # UPS|server SIGNAL
	local part pid
	part=$(ups_part "${1:-}") || exit
	pid=$(pid_of "$RUN/$part.pid") || refuse "$part does not run: scripts/testbed ups-start $1"
	kill "-$2" "$pid"
}
cmd_ups_stop() {
	local part
	part=$(ups_part "${1:-}") || exit
	background_end "$part" -KILL
}
cmd_ups_start() {
	ups_part "${1:-}" >/dev/null || exit
	if [[ $1 == server ]]; then power_server_up; else power_driver_up "$1"; fi
}
cmd_ups_freeze() { ups_signal "${1:-}" STOP; }
cmd_ups_thaw() { ups_signal "${1:-}" CONT; }
