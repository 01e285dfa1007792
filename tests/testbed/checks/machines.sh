# shellcheck shell=bash disable=SC2317 # the checks are called by name
# Machines, their units and their cables; the whole site dark; the quorum.

boot_id_in_api() { bed k get node "$1" -o jsonpath='{.status.nodeInfo.bootID}'; }
boot_id() { bed ssh "$1" cat /proc/sys/kernel/random/boot_id; }
fresh() {
	local now
	now=$(boot_id "$1") && [[ -n $now && $(boot_id_in_api "$1") == "$now" ]]
}
renewed() { bed k -n kube-node-lease get lease "$1" -o jsonpath='{.spec.renewTime}'; }
moving_lease() {
	local before
	before=$(renewed w-1)
	within 25 eval "[[ \$(renewed w-1) != '$before' ]]"
}
ready() { [[ $(bed k get node "$1" -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}') == True ]]; }
power_cycle() {
	local before
	before=$(boot_id w-1)
	bed node-cut w-1
	not bed exec timeout 2 bash -c '</dev/tcp/10.77.0.21/2277'
	bed node-on w-1
	within 30 fresh w-1
	[[ $(boot_id w-1) != "$before" ]]
}
wake() {
	bed node-cut w-1
	not grep -qx w-1 <<<"$(bed powered)"
	grep -qx cp-1 <<<"$(bed powered)"
	bed wol w-1
	within 20 bed ssh w-1 true
	within 30 fresh w-1
}
reboot() {
	local before
	before=$(boot_id w-1)
	bed ssh w-1 sudo reboot || true
	within 120 eval "[[ \$(boot_id w-1) != '$before' ]]"
	within 30 fresh w-1
}
pod_runs() {
	within 20 bed k get serviceaccount default # made by a controller, a moment after the API is there
	bed k run probe --image=rig.test/app:1 --overrides='{"spec":{"nodeName":"w-1"}}'
	bed k wait --for=condition=Ready pod/probe --timeout=20s
	[[ $(bed exec curl -sm 3 "$(bed k get pod probe -o jsonpath='{.status.podIP}'):8080") == app ]]
	bed k delete pod probe --wait=false
}
agent_stops_and_starts() {
	bed ssh w-1 sudo systemctl stop k3s-agent
	[[ $(bed ssh w-1 systemctl is-active k3s-agent) == inactive ]]
	bed ssh w-1 sudo systemctl start k3s-agent
	[[ $(bed ssh w-1 systemctl is-active k3s-agent) == active ]]
}
sudo_line() {
	not bed ssh ananke@w-1 sudo -n systemctl start k3s-agent
	bed sudoers unguarded w-1
	bed ssh ananke@w-1 sudo -n systemctl start k3s-agent
	not bed ssh ananke@w-1 sudo -n id
	bed sudoers none w-1
	not bed ssh ananke@w-1 sudo -n systemctl start k3s-agent
}
frozen() {
	bed node-freeze w-1
	not bed ssh w-1 true
	bed node-thaw w-1
	bed ssh w-1 true
}
cable() {
	bed node-net down w-1
	not bed ssh w-1 true
	bed node-net up w-1
	within 10 bed ssh w-1 true
}
dark_and_back() {
	local all
	all=$(bed env --json | jq -r '.machines | keys | join(" ")')
	# shellcheck disable=SC2086
	bed node-cut $all
	# shellcheck disable=SC2086
	bed node-on $all
	within 60 fresh cp-1
	within 60 fresh w-1
}
quorum() {
	bed node-cut cp-2
	within 20 bed k get nodes
	bed node-cut cp-3
	within 20 not bed k create configmap "lost-$RANDOM" --request-timeout=3s
	bed node-on cp-2
	within 40 bed k create configmap "back-$RANDOM"
	bed node-on cp-3
	within 60 fresh cp-3
}
