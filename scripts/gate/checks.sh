# shellcheck shell=bash
# Everything that is found out without running ananke.

# What the pure half may not have in its graph.
EFFECT_CRATES='tokio kube kube-client kube-core kube-runtime k8s-openapi russh hyper rustls rustix clap'

stage_scripts() {
	local files=() file first
	while IFS= read -r -d '' file; do
		[[ -f $file ]] || continue
		read -r first <"$file" || true
		case $file:$first in
		*.sh:* | *:'#!'*'sh') files+=("$file") ;;
		esac
	done < <(git ls-files -z --cached --others --exclude-standard -- scripts tests .ci src systemd)
	echo "${#files[@]} scripts"
	shellcheck --external-sources "${files[@]}"
}

stage_format() { "$CARGO" fmt --all --check; }

stage_policy() {
	local deny=$TOOLS/bin/cargo-deny
	# Without a network there is no list of advisories to ask; that is said, not hidden.
	"$deny" --offline --locked --all-features check licenses bans sources
	if compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs/*" >/dev/null; then
		"$deny" --offline --locked --all-features check advisories
	else
		echo "note: advisories NOT checked, no copy of the database is here (cargo deny fetch gets one)"
	fi
}

stage_purity() {
	local pure all crate found=()
	pure=$(crates --no-default-features)
	all=$(crates)
	for crate in $EFFECT_CRATES; do
		# The control: a name that is nowhere would be looked for in vain.
		grep -qx "$crate" <<<"$all" || { echo "$crate is not in the whole graph"; return 1; }
		! grep -qx "$crate" <<<"$pure" || found+=("$crate")
	done
	echo "$(wc -l <<<"$pure") crates in the pure half, $(wc -l <<<"$all") in all"
	((${#found[@]} == 0)) || { echo "the pure half depends on: ${found[*]}"; return 1; }
}
crates() { "$CARGO" tree --locked --offline -e normal --prefix none "$@" | awk '{ print $1 }' | sort -u; }

stage_clippy() { "$CARGO" clippy --locked --all-targets --all-features -- -D warnings; }
stage_clippy_pure() { "$CARGO" clippy --locked --no-default-features --lib -- -D warnings; }
stage_docs() { RUSTDOCFLAGS='-D warnings' "$CARGO" doc --locked --no-deps --all-features; }

stage_generated() {
	local pending
	"$CARGO" metadata --locked --offline --format-version 1 >/dev/null
	echo "Cargo.lock fits Cargo.toml"
	pending=$(find src tests -name '*.snap.new' -o -name '*.pending-snap')
	[[ -z $pending ]] || { printf 'snapshots that nobody accepted:\n%s\n' "$pending"; return 1; }
}
