# shellcheck shell=bash disable=SC2317 # the checks are called by name
# UPSes, as NUT shows them, and what hangs on them.

ups() { bed exec timeout 4 upsc "$1@10.77.0.1" "$2" 2>&1; }
ups_says() { [[ $(ups "$1" ups.status) == *"$2"* ]]; }
ups_is() { [[ $(ups "$1" "$2" | tail -n 1) == "$3" ]]; }
is_off() { [[ $(bed status) =~ $1\ [^$'\n']*\ off ]]; }
fed_by() { bed env --json | jq -r --arg ups "$1" '.machines | to_entries[] | select(.value.ups == $ups) | .key'; }
mains_back() { # UPS: and everything that hangs on it is powered on
	bed ups-set "$1" ups.status OL battery.charge 100 battery.runtime 1800
	# shellcheck disable=SC2046
	bed node-on $(fed_by "$1")
	within 60 fresh w-1
}
ups_values() {
	within 10 ups_says ups-b OL
	bed ups-set ups-b ups.status OB battery.charge 60 battery.runtime 700
	within 10 ups_is ups-b ups.status OB
	within 10 ups_is ups-b battery.charge 60
	within 10 ups_is ups-b battery.runtime 700
	within 10 ups_is ups-a ups.status OL # the other one has nothing to do with it
	bed ups-set ups-b ups.status "OB LB" battery.charge 15
	within 10 ups_is ups-b ups.status "OB LB"
	bed ups-set ups-b ups.status OL battery.charge 100 battery.runtime 1800
	within 10 ups_is ups-b ups.status OL
}
ups_driver_and_server() {
	bed ups-stop ups-b
	within 10 ups_says ups-b "not connected"
	ups_says ups-a OL
	bed ups-start ups-b
	within 20 ups_says ups-b OL
	bed ups-freeze ups-b
	within 40 ups_says ups-b "stale"
	bed ups-thaw ups-b
	within 20 ups_says ups-b OL
	bed ups-freeze server # takes the connection and says nothing
	not bed exec timeout 3 upsc ups-a@10.77.0.1
	bed ups-thaw server
	within 20 ups_says ups-a OL
	bed ups-stop server
	within 10 ups_says ups-a "refused"
	not bed ups-freeze server # it does not run
	bed ups-start server
	within 20 ups_says ups-a OL
}
ups_empty() {
	bed ups-set ups-b ups.status OB battery.charge 0
	is_off w-1
	not is_off cp-1 # hangs on the other UPS
	not bed node-on w-1 # no power, no start
	bed wol w-1
	sleep 2
	is_off w-1 # and no waking
	mains_back ups-b
}
drained() { [[ $(ups ups-b battery.charge | tail -n 1) -lt ${1} ]]; }
ups_ramps() {
	bed ups-drain ups-b 12
	within 10 ups_says ups-b OB
	within 10 drained 60
	within 15 ups_is ups-b ups.status "OB LB"
	not is_off w-1
	within 20 is_off w-1
	bed ups-charge ups-b 8
	within 6 ups_is ups-b ups.status "OL CHRG"
	within 20 ups_is ups-b battery.charge 100
	within 6 ups_is ups-b ups.status OL
	mains_back ups-b
	# Without a time the battery lasts for as long as it says.
	bed ups-set ups-b battery.charge 50 battery.runtime 900
	bed ups-drain ups-b
	within 10 ups_says ups-b OB
	within 10 drained 50
	[[ $(ups ups-b battery.runtime | tail -n 1) -gt 800 ]]
	mains_back ups-b
	# Mains come back before the end: nobody is cut.
	bed ups-drain ups-b 5
	bed ups-set ups-b ups.status OL
	within 6 ups_is ups-b ups.status OL
	sleep 5
	ups_is ups-b ups.status OL
	not is_off w-1
	bed ups-set ups-b battery.charge 100 battery.runtime 1800
}
