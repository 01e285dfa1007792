# shellcheck shell=bash
# Everything above Kubernetes: DNS, Flux, and a git repository that lives inside the site. The first installation is done
# by hand, as an administrator would; from then on Flux owns what is in the repository.

GIT_NODE_PORT=30300

flux_up() {
	local dir=$TESTBED_DIR/flux
	# The second `up` finds it all in the cluster.
	if [[ -e $dir/complete ]]; then
		wait_for 180 "Flux" flux_ready
		wait_for 60 "the services" service_answers
		return
	fi
	mkdir -p "$dir"
	[[ -s $dir/password ]] || (umask 077 && openssl rand -hex 16 >"$dir/password")
	flux_render "$dir"
	kube apply -f "$dir/site/dns.yaml" -f "$dir/site/ingress.yaml" -f "$dir/crds" --server-side >/dev/null
	[[ $SIZE != big ]] || registry_up "$dir"
	flux_secrets
	kube apply -f "$dir/repo/infra/git" >/dev/null
	kube apply -f "$dir/site/flux.yaml" >/dev/null
	wait_for 90 "the git server" git_answers
	flux_push main "The site"
	wait_for 30 "Flux' types" kube apply -f "$dir/site/sync.yaml" >/dev/null
	wait_for 180 "Flux" flux_ready
	wait_for 60 "the services" service_answers
	touch "$dir/complete"
}

# The site's own copy of everything, with the names of its images filled in.
flux_render() {
	local dir=$1 prefix=rig.test elect=false mod
	if [[ $SIZE == big ]]; then
		prefix=$REGISTRY_NAME
		elect=true # as Flux ships it; costs 35 s after a blackout, until the old lease has run out
	fi
	rm -rf "$dir/site" "$dir/repo" "$dir/crds"
	cp -r "$LIB/../site" "$LIB/../repo" "$dir/"
	grep -rlE '@[A-Z]+@' "$dir/site" "$dir/repo" | xargs -r sed -i -e "s|@IMAGES@|$prefix|g" -e "s|@ELECT@|$elect|g"
	[[ $SIZE == big ]] || rm -rf "$dir/repo/infra/registry" "$dir/repo/clusters/site/registry.yaml"
	mkdir -p "$dir/crds"
	for mod in "${FLUX_CRDS[@]}"; do
		cp "$TESTBED_CACHE/crds-$mod"/*.yaml "$dir/crds/"
	done
}

flux_crds_complete() { [[ -d $TESTBED_CACHE/crds-${FLUX_CRDS[0]} && -d $TESTBED_CACHE/crds-${FLUX_CRDS[1]} ]]; }

# The CRDs lie in the module's source.
flux_crds_build() {
	local mod dir
	go_env
	for mod in "${FLUX_CRDS[@]}"; do
		[[ -d $TESTBED_CACHE/crds-$mod ]] && continue
		dir=$(cd / && go mod download -json "github.com/fluxcd/$mod" | jq -r .Dir)
		rm -rf "$TESTBED_CACHE/crds.new"
		cp -r --no-preserve=mode "$dir/config/crd/bases" "$TESTBED_CACHE/crds.new"
		mv "$TESTBED_CACHE/crds.new" "$TESTBED_CACHE/crds-$mod"
	done
}

flux_secrets() {
	local password ns
	password=$(<"$TESTBED_DIR/flux/password")
	for ns in git flux-system shop; do
		kube create namespace "$ns" --dry-run=client -o yaml | kube apply -f - >/dev/null
	done
	kube -n git create secret generic git-server --from-literal=GIT_USER=flux --from-literal=GIT_PASSWORD="$password" \
		--dry-run=client -o yaml | kube apply -f - >/dev/null
	kube -n flux-system create secret generic flux-system --from-literal=username=flux --from-literal=password="$password" \
		--dry-run=client -o yaml | kube apply -f - >/dev/null
	kube -n shop create secret tls site-tls --cert="$PKI/site.crt" --key="$PKI/site.key" \
		--dry-run=client -o yaml | kube apply -f - >/dev/null
}

git_url() { echo "http://flux:$(<"$TESTBED_DIR/flux/password")@${IP[w-2]}:$GIT_NODE_PORT/flux/site.git"; }
git_answers() { in_site curl -sfm 2 -o /dev/null "http://${IP[w-2]}:$GIT_NODE_PORT/api/healthz"; }
service_answers() { in_site curl -sfm 3 -o /dev/null -H 'Host: shop.site.test' "http://$SERVICE_ADDRESS/"; }
site_git() { in_site git -C "$TESTBED_DIR/flux/repo" -c user.name=admin -c user.email=admin@site.test -c commit.gpgsign=false "$@"; }

# flux_push BRANCH MESSAGE: what is in the site's copy of the repository becomes the truth.
flux_push() {
	[[ -d $TESTBED_DIR/flux/repo/.git ]] || site_git init -q -b main
	site_git add -A
	site_git diff --cached --quiet || site_git commit -qm "$2"
	site_git push -q "$(git_url)" "HEAD:refs/heads/$1"
}

# Flux is Ready when each object is Ready *and* at the revision that git has now: the conditions alone may be those from
# before a power failure.
flux_ready() {
	local head
	head=main@sha1:$(site_git ls-remote "$(git_url)" refs/heads/main 2>/dev/null | cut -f1) || return 1
	kube get gitrepositories,kustomizations -A --request-timeout=3s -o json 2>/dev/null | jq -e --arg head "$head" '
		(.items | length) > 10 and all(.items[];
			any(.status.conditions[]?; .type == "Ready" and .status == "True")
			and .status.observedGeneration == .metadata.generation
			and (.status.lastAppliedRevision // .status.artifact.revision) == $head)' >/dev/null
}

cmd_push() { # [--branch BRANCH] [MESSAGE]: commit and push what somebody changed in TESTBED_DIR/flux/repo
	local branch=main
	need_flux
	if [[ ${1:-} == --branch ]]; then
		branch=${2:-}
		shift 2 || refuse "usage: testbed push [--branch BRANCH] [MESSAGE]"
	fi
	flux_push "$branch" "${1:-A change by hand}"
	site_git rev-parse HEAD
}

# What a person does wrong once, and nobody sees until the pod has to start again. Nothing that Flux applies mends it.
cmd_git_stop() {
	need_flux
	kube -n git delete secret git-server --ignore-not-found >/dev/null
	kube -n git delete pods -l app=git --wait=false >/dev/null
}
cmd_git_start() {
	need_flux
	flux_secrets
	wait_for 90 "the git server" git_answers
}
need_flux() { need_site; has_flux "$SIZE" || refuse "a $SIZE site has neither Flux nor a git server"; }
