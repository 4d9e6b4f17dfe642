#!/bin/sh
# The project's tests, as README.md says: `sh test/run.sh`. Needs Go, and a C
# compiler for the race detector; asks nothing; leaves nothing in the work tree.
# As root it installs what else they need (test/install.sh).
# The first failure ends it, and a failing test's own lines are the last.
set -eu
cd "$(dirname "$0")/.."

began=$(date +%s)
step() { echo "== $(($(date +%s) - began)) s: $*"; }

# As the program is shipped. One set of flags for all but the race detector, so
# that the dependencies are compiled twice only. No version control: an export
# without .git, or a clone that is somebody else's, is tested like any other.
given=${GOFLAGS:-}
shipped="$given -trimpath -buildvcs=false"

step "what the tests need"
sh test/install.sh

step "format"
unformatted=$(find . -name '*.go' -not -path './.git/*' -exec "$(go env GOROOT)/bin/gofmt" -l {} +)
if [ -n "$unformatted" ]; then
	printf 'gofmt -w is needed for:\n%s\n' "$unformatted" >&2
	exit 1
fi

step "build, statically linked"
programs=$(mktemp -d)
linter=
trap '[ -z "$linter" ] || kill "$linter" 2>/dev/null || true; rm -rf "$programs"' EXIT
(
	export CGO_ENABLED=0 GOFLAGS="$shipped"
	go build ./...
	GOOS=linux go build -o "$programs/" ./cmd/agentkeeper ./cmd/vendorsim
	go run ./test/static "$programs"/*
	# The benchmark's peers, a module of their own: about a minute of CPU with a
	# cold cache, mostly for fasthttp, and a second otherwise.
	go build -C test/bench/peers -o /dev/null .
)

step "vet"
CGO_ENABLED=0 GOFLAGS="$shipped" go vet ./...
CGO_ENABLED=0 GOFLAGS="$shipped" go vet -C test/bench/peers ./...

# Beside the tests, which wait for much: the linter itself is built on first use,
# which takes some minutes of both processors.
lint() { CGO_ENABLED=0 GOFLAGS="$shipped" go tool -modfile=test/lint/go.mod golangci-lint run; }
lint >"$programs/lint" 2>&1 &
linter=$!

step "known vulnerabilities"
code=0
found=$(CGO_ENABLED=0 GOFLAGS="$shipped" go tool -modfile=test/vuln/go.mod govulncheck ./... 2>&1) || code=$?
case $code in
0) ;;
3) # what it exits with when the program calls something that is vulnerable
	printf '%s\n' "$found" >&2
	exit 1
	;;
*) printf 'SKIPPED: the database of vulnerabilities cannot be asked (GOVULNDB): %s\n' "$found" >&2 ;;
esac

race=-race
if [ "$(go env CGO_ENABLED)" != 1 ] || ! command -v "$(go env CC)" >/dev/null; then
	echo "no C compiler: testing without the race detector" >&2
	race=
fi
step "test ${race:-without the race detector}"
# Not quoted: a list of packages, and a flag or none.
# shellcheck disable=SC2046,SC2086
# The longest one, which waits much, begins first. What is left out boots one more
# systemd each: test/systemd.sh runs them.
GOFLAGS="$given -buildvcs=false" go test $race -timeout 20m -skip '^TestUnit(Socket|Credentials|Score)$' ./test/live $(go list ./... | grep -v -e '/test/fleet$' -e '/test/live$')

step "lint"
code=0
wait "$linter" || code=$?
linter=
cat "$programs/lint"
[ "$code" -eq 0 ] || exit 1

step "test the benchmark's peers"
CGO_ENABLED=0 GOFLAGS="$shipped" go test -C test/bench/peers ./...

# Under the race detector these packages try a part of their cases (test/raced).
step "every edge, minute and day"
CGO_ENABLED=0 GOFLAGS="$shipped" go test -timeout 8m ./session ./daemon/shift ./daemon/work ./vendors/edna ./vendors/huaweiconfig ./vendors/runtel

step "days in virtual time, and faults around a running service beside them"
CGO_ENABLED=0 GOFLAGS="$shipped" go build -o "$programs/" ./test/chaos
AGENTKEEPER_HOURS=${AGENTKEEPER_HOURS:-12} CGO_ENABLED=0 GOFLAGS="$shipped" go test -timeout 8m ./test/fleet >"$programs/days" 2>&1 &
days=$!
chaos=0
"$programs/chaos" -within 70s || chaos=$?
code=0
wait "$days" || code=$?
cat "$programs/days"
[ "$code" -eq 0 ] && [ "$chaos" -eq 0 ]
