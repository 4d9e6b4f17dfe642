#!/bin/sh
# Tests beside a load of ten busy processes, for those that only a loaded machine
# breaks: `sh test/busy.sh` runs the whole suite three times; with arguments it
# runs that command instead, once:
#
#   sh test/busy.sh go test -count=1 ./test/live
#
# AGENTKEEPER_LOAD is how many processes, AGENTKEEPER_TIMES how often. The first
# failure ends it. The load ends with the script, and by itself after four hours.
set -eu
cd "$(dirname "$0")/.."

times=${AGENTKEEPER_TIMES:-}
if [ $# -eq 0 ]; then
	set -- sh test/run.sh
	times=${times:-3}
fi

load=
# Not quoted: a list of processes.
# shellcheck disable=SC2086
trap '[ -z "$load" ] || kill $load 2>/dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
i=0
while [ "$i" -lt "${AGENTKEEPER_LOAD:-10}" ]; do
	timeout 4h sh -c 'while :; do :; done' &
	load="$load $!"
	i=$((i + 1))
done

i=0
while [ "$i" -lt "${times:-1}" ]; do
	i=$((i + 1))
	began=$(date +%s)
	echo "== beside $(echo "$load" | wc -w) busy processes, no. $i of ${times:-1}: $*"
	"$@"
	echo "== no. $i passed after $(($(date +%s) - began)) s"
done
