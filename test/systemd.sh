#!/bin/sh
# The units and packages under a real systemd of Debian 12 (252) and 13 (257),
# booted in namespaces; see test/live/machine.sh. Needs root and Go; installs
# mmdebstrap, rpm and lintian where they are missing. The first run builds the two root
# directories, about a minute each and 300 MB together, below
# AGENTKEEPER_TEST_CACHE (default: /var/cache/agentkeeper-test); remove them to
# have newer ones. Arguments go to `go test`, for example -run TestUnitSocket.
set -eu
cd "$(dirname "$0")/.."

if [ "$(id -u)" != 0 ]; then
	echo "test/systemd.sh: only root can boot a systemd in namespaces" >&2
	exit 1
fi
sh test/install.sh
for program in mmdebstrap rpm lintian; do
	command -v $program >/dev/null || apt-get -q install -y --no-install-recommends $program
done

cache=${AGENTKEEPER_TEST_CACHE:-/var/cache/agentkeeper-test}
roots=
for suite in bookworm trixie; do
	[ -d "$cache/$suite" ] || sh test/live/machine.sh build "$suite" "$cache/$suite"
	roots="$roots $cache/$suite"
done

packages=$(mktemp -d)
older=$(mktemp -d)
trap 'rm -rf "$packages" "$older"' EXIT
# Where there is no git, the packages are of no commit.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 1000000000)}
commit=$(git rev-parse HEAD 2>/dev/null || echo unknown)
export SOURCE_DATE_EPOCH
# To upgrade from: as versions before had it, the example is a configuration file.
cp -r . "$older/source"
contents=$older/source/systemd/package/nfpm.yaml
sed -i 's|{dst: \(/etc/agentkeeper/agentkeeper.yaml\), type: ghost,|{src: {{.Common}}/agentkeeper.yaml, dst: \1, type: config\|noreplace,|' "$contents"
grep -q 'agentkeeper.yaml, type: config|noreplace,' "$contents"
(cd "$older/source" && go run ./systemd/package -out "$packages" -version 0.9.0 -commit "$commit" -arch amd64)
rm -rf "$older"
go run ./systemd/package -out "$packages" -version 1.0.1 -commit "$commit" -arch amd64 # to upgrade to
go run ./systemd/package -out "$packages" -version 1.0.0 -commit "$commit"

AGENTKEEPER_TEST_ROOTS=$roots AGENTKEEPER_TEST_PACKAGES=$packages AGENTKEEPER_TEST_COMMIT=$commit \
	go test -count=1 -timeout 20m -v ./test/live -run '^(TestUnit|TestPackage)' "$@"
