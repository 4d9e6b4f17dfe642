#!/bin/sh
# Installs what the tests need beside Go and a C compiler, where it is missing:
# Prometheus with promtool, for rules and scrapes; Chromium, for the status page;
# systemd, D-Bus and ip, for the units; zsh and fish, for the completions; groff,
# for the manual pages. Says what it does; does nothing a second time; starts no
# service. Without them the tests that need them say so and are skipped.
set -eu

wanted=
command -v promtool >/dev/null && command -v prometheus >/dev/null || wanted="$wanted prometheus"
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome-stable || command -v google-chrome || true)
[ -n "$browser" ] || wanted="$wanted chromium"
for shell in zsh fish; do
	command -v $shell >/dev/null || wanted="$wanted $shell"
done
command -v groff >/dev/null || wanted="$wanted groff-base"
[ -x /lib/systemd/systemd ] || wanted="$wanted systemd"
command -v dbus-daemon >/dev/null || wanted="$wanted dbus"
command -v ip >/dev/null || wanted="$wanted iproute2"

[ -n "$wanted" ] || exit 0
if ! command -v apt-get >/dev/null; then
	echo "install.sh: missing:$wanted, so tests are skipped; install it with your distribution's package manager" >&2
	exit 0
fi
if [ "$(id -u)" != 0 ]; then
	echo "install.sh: missing:$wanted, so tests are skipped; run as root: apt-get install --no-install-recommends$wanted" >&2
	exit 0
fi
echo "install.sh: installing$wanted"
# A package's service is not wanted on the machine, now or at the next boot.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap 'rm -f $policy' EXIT
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list
apt-get install -qq --no-install-recommends $wanted >/dev/null 2>&1 || {
	apt-get update -qq && apt-get install -qq --no-install-recommends $wanted >/dev/null
} || echo "install.sh: apt-get could not install$wanted, so tests are skipped" >&2
for package in $wanted; do
	if [ "$package" = prometheus ] && command -v systemctl >/dev/null; then
		systemctl --quiet disable prometheus.service prometheus-node-exporter.service 2>/dev/null || true
	fi
done
