# shellcheck shell=bash disable=SC2317 # the checks are called by name
# The jump host, and ananke under its own systemd on two machines. Takes the binary that cargo built, or ANANKE.

ANANKE=${ANANKE:-}
binary() {
	local target=${CARGO_TARGET_DIR:-$HERE/../../target} path=$ANANKE
	[[ -n $path ]] || path=$target/debug/ananke
	[[ -x $path ]] || { echo "no $path: cargo build, or ANANKE=PATH" >&2; return 1; }
	readlink -f "$path"
}
through_jump() { # through the jump host, as ananke's user, with nothing else on the way
	local dir=$TESTBED_DIR/ssh
	bed exec timeout 10 ssh -F "$dir/config" -o "ProxyCommand=ssh -F $dir/config -l ananke -W %h:%p jump-1" -l ananke w-1 true
}
jump_host() {
	local config
	through_jump
	config=$(bed config --jump "$TESTBED_DIR/ananke/jump.yaml")
	grep -qx 'ssh_jump_host: jump-1' "$config"
	not grep -q jump "$(bed config)"
	bed exec "$(binary)" -c "$config" config check
	bed node-cut jump-1
	not through_jump
	bed ssh ananke@w-1 true # the way around it
	bed node-on jump-1
	within 30 through_jump
}
on_hosts() { local host; for host in ops-1 w-2; do "$@" "$host"; done; }
installed() {
	local unit
	for unit in ananke ananke-bootstrap; do
		[[ $(bed ssh "$1" systemctl is-enabled "$unit") == disabled ]]
		[[ $(bed ssh "$1" systemctl is-active "$unit") == inactive ]]
	done
	bed ssh "$1" sudo ananke config check
	# Its own key, which the nodes know.
	bed ssh "$1" sudo ssh -i /etc/ananke/id_ed25519 -p 2277 -o BatchMode=yes -o UserKnownHostsFile=/etc/ananke/known_hosts \
		ananke@10.77.0.11 true
}
main_pid() { bed ssh "$1" systemctl show ananke -p MainPID --value; }
ananke_active() { [[ $(bed ssh "$1" systemctl is-active ananke) == active ]]; }
enabled_and_active() {
	bed ssh "$1" sudo systemctl enable --quiet --now ananke
	ananke_active "$1"
}
all_answer() { # SCREEN
	[[ $1 =~ machines\ +([0-9]+)\ of\ ([0-9]+)\ machines\ answer && ${BASH_REMATCH[1]} == "${BASH_REMATCH[2]}" ]] ||
		{ echo "$1"; return 1; }
}
sees_all() {
	local screen
	screen=$(bed ssh "$1" sudo ananke status) || true # 3: not there yet
	all_answer "$screen"
}
# A newcomer's first look: `ananke` is what cargo built, the configuration is what the testbed wrote.
status_from_outside() {
	local screen rc=0
	screen=$(bed exec ananke status) || rc=$?
	[[ $rc == 0 || $rc == 3 ]] || { echo "it ends with $rc: $screen"; return 1; } # 3: no guard is installed yet
	all_answer "$screen"
}
boots_by_itself() {
	bed node-cut "$1"
	bed node-on "$1"
	within 60 ananke_active "$1"
	within 60 sees_all "$1"
}
watched() {
	local before
	bed ssh "$1" "sudo mkdir -p /run/systemd/system/ananke.service.d &&
		printf '[Service]\nWatchdogSec=8s\n' | sudo tee /run/systemd/system/ananke.service.d/quick.conf >/dev/null &&
		sudo systemctl daemon-reload && sudo systemctl restart ananke"
	before=$(main_pid "$1")
	bed ssh "$1" "sudo kill -STOP $before"
	within 60 eval "[[ \$(main_pid $1) != $before ]] && ananke_active $1"
	[[ $(bed ssh "$1" sudo journalctl -u ananke) == *"Failed with result 'watchdog'"* ]]
	bed ssh "$1" sudo rm -r /run/systemd/system/ananke.service.d
	bed ssh "$1" sudo systemctl daemon-reload
}
# The boot unit hands its wish to the daemon and follows it until the cluster is up: "active (exited)" then.
boot_unit() { bed ssh "$1" systemctl show ananke-bootstrap -p SubState --value; }
boot_unit_ended() { [[ $(boot_unit "$1") =~ ^(exited|failed)$ ]]; }
brings_up_at_boot() {
	bed ssh "$1" sudo systemctl enable --quiet ananke-bootstrap
	bed node-cut "$1"
	bed node-on "$1"
	within 300 boot_unit_ended "$1" || true # what it says is shown below
	[[ $(boot_unit "$1") == exited && $(bed ssh "$1" systemctl is-active ananke-bootstrap) == active ]] || {
		bed ssh "$1" "systemctl status ananke-bootstrap; sudo ananke status" || true
		return 1
	}
	ananke_active "$1"
}
# The daemon's lock of logind.
inhibits() { [[ $(bed ssh "$1" sudo systemd-inhibit --list) =~ ananke\ .*\ shutdown\ .*\ delay ]]; }
# Somebody switches the host off, past ananke: the ledger has it before the host is gone.
stopped_past_ananke() {
	within 60 inhibits "$1"
	bed ssh "$1" sudo systemctl poweroff || true # the connection may end first
	within 60 is_off "$1"
	bed node-on "$1"
	within 60 ananke_active "$1"
	[[ $(bed ssh "$1" sudo ananke history) == *"this host is to go off or to restart"* ]]
}
gone() {
	[[ $(bed ssh "$1" 'ls -d /usr/local/bin/ananke /etc/ananke /var/lib/ananke /etc/systemd/system/ananke* 2>/dev/null | wc -l') == 0 ]]
	not bed ssh "$1" systemctl cat ananke
}
two_hosts() {
	bed uninstall
	bed install "$(binary)"
	on_hosts installed
	bed exec "$(binary)" -c "$(bed config)" prepare --user admin --identity "$TESTBED_DIR/ssh/admin" --execute
	on_hosts enabled_and_active
	on_hosts boots_by_itself
	on_hosts watched
	on_hosts stopped_past_ananke
	brings_up_at_boot ops-1
	bed uninstall
	on_hosts gone
}
