# shellcheck shell=bash disable=SC2317 # the checks are called by name
# Flux, the services behind the ingress, and the dead-lock of a site that hosts itself.

greets() { [[ $(bed k -n shop get configmap settings -o jsonpath='{.data.greeting}') == "$1" ]]; }
flux_follows_git() {
	sed -i 's/greeting: .*/greeting: changed/' "$TESTBED_DIR/flux/repo/apps/config/config.yaml"
	within 90 bed push "check" # the git server may still be on its way back
	local token
	token=$(date +%s%N)
	bed k -n flux-system annotate --overwrite gitrepository/flux-system reconcile.fluxcd.io/requestedAt="$token"
	within 60 greets changed
}

ca() { bed env --json | jq -r .ca; }
# serves NAME: over TLS, with the site's own certificate, through the one address of the services.
serves() {
	local answer
	answer=$(bed exec curl -sm 5 --cacert "$(ca)" "https://$1.site.test/")
	[[ $answer == "$2" ]] || { echo "https://$1.site.test/ says '$answer'"; return 1; }
}
answers_code() { # URL CODE
	local code
	code=$(bed exec curl -sm 5 -o /dev/null -w '%{http_code}' "$1") || true
	[[ $code == "$2" ]] || { echo "$1 answers with $code"; return 1; }
}
services_follow_pods() {
	bed k -n shop scale deployment docs --replicas=1 # a run that failed here may have left it at none
	within 30 serves docs docs
	serves shop web
	[[ $(bed ssh jump-1 curl -sm 5 http://docs.site.test/) == docs ]]
	# Without pods a service is known, and says that it has none; with one again, wherever it runs, it answers.
	bed k -n shop scale deployment docs --replicas=0
	within 30 answers_code http://docs.site.test/ 503
	serves shop web
	answers_code http://nobody.site.test/ 000 # no such name
	within 30 answers_code http://w-1/ 404
	bed k -n shop scale deployment docs --replicas=1
	within 60 serves docs docs
	# A dead node's ingress costs the address nothing but a second.
	bed node-cut w-1
	within 10 answers_code http://shop.site.test/ 200
	bed node-on w-1
	within 60 fresh w-1
}
other_certificate() {
	local answer
	answer=$(bed exec curl -skm 5 --resolve else.site.test:443:10.77.0.1 https://else.site.test/) || return 0
	echo "a name without a certificate was served: $answer"
	return 1
}

# pods NAMESPACE LABEL: how many of them are ready.
pods_ready() {
	bed k -n "$1" get pods -l "app=$2" -o json | jq '[.items[]
		| select(any(.status.conditions[]?; .type == "Ready" and .status == "True"))] | length'
}
all_nodes() { bed env --json | jq -r '(.servers + .agents)[]'; }
# Machines, nodes and the API are well, and nothing of what the site is for runs.
stuck() {
	local node pods
	for node in $(all_nodes); do ready "$node" || { echo "$node is not Ready"; return 1; }; done
	for pods in "registry registry" "git git" "flux-system kustomize-controller" "flux-system source-controller" "shop web"; do
		# shellcheck disable=SC2086 # two words
		[[ $(pods_ready $pods) == 0 ]] || { echo "$pods is ready"; return 1; }
	done
}
# The mission's dead-lock. It has to last: a site that needs only patience would prove nothing.
STUCK_SECONDS=${STUCK_SECONDS:-180}
stays_locked() {
	local node all until
	all=$(bed env --json | jq -r '.machines | keys | join(" ")')
	bed deadlock
	# Nobody would notice: what runs goes on running.
	site_serves
	# shellcheck disable=SC2086
	bed node-cut $all
	# shellcheck disable=SC2086
	bed node-on $all
	for node in $(all_nodes); do within 120 fresh "$node"; done
	within 120 stuck
	until=$((SECONDS + STUCK_SECONDS))
	while ((SECONDS < until)); do
		stuck || { echo "healed by itself, $((until - SECONDS)) s too early"; return 1; }
		sleep 5
	done
	# For the reason that was meant: the image is nowhere but in the registry that is down.
	bed k -n git get pods -o json | jq -e 'any(.items[].status.containerStatuses[]?.state.waiting;
		.reason == "ImagePullBackOff" or .reason == "ErrImagePull")'
}
# What a person does about it: start the first thing. The rest follows; pods in pull back-off are made anew, because
# that may grow to five minutes.
registry_runs() { [[ $(pods_ready registry registry) == 1 ]]; }
site_serves() { [[ $(pods_ready shop web) == 2 && $(pods_ready git git) == 1 ]]; }
unlocked_by_hand() {
	bed k -n registry scale deployment registry --replicas=1
	within 90 registry_runs
	bed k delete pods -n git --all --wait=false
	bed k delete pods -n flux-system --all --wait=false
	bed k delete pods -n shop --all --wait=false
	within 240 site_serves
	bed up # waits for Flux
}
