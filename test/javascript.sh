#!/bin/sh
# The stream of events, read by the official NATS clients for JavaScript: the one
# package up to version 2, and its successors, whose example stands in daemon/docs/events.md.
# Needs Go, Node.js 20 or later and npm, which fetches the clients in the versions of
# test/javascript/package-lock.json. Leaves nothing behind. Arguments go to `go test`.
set -eu
cd "$(dirname "$0")/.."

for program in node npm; do
	command -v $program >/dev/null || {
		echo "test/javascript.sh: $program is missing; with Debian: apt-get install --no-install-recommends nodejs npm" >&2
		exit 1
	}
done
clients=$(mktemp -d)
trap 'rm -rf "$clients"' EXIT
cp test/javascript/* "$clients/"
npm ci --prefix "$clients" --ignore-scripts --no-audit --no-fund

AGENTKEEPER_TEST_JAVASCRIPT=$clients go test -count=1 -timeout 5m -v ./test/live -run '^TestJavaScript' "$@"
