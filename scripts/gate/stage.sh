#!/usr/bin/env bash
# One stage in a process of its own, started by run_stage.sh. In a function that is called within a condition bash
# ignores `set -e`, and a stage whose first command fails would go on and pass. Here nothing stands around it.
set -euo pipefail

for piece in itself setup checks tests rig; do
	# shellcheck source=/dev/null # each piece is checked by itself
	. "scripts/gate/$piece.sh"
done
# sshd lies there, and not every user has it in the path.
PATH=$PATH:/usr/sbin:/sbin

"stage_${1//-/_}"
