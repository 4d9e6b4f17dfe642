#!/bin/sh
# Runs before the files go. deb: remove, or upgrade; rpm: 0, or 1 at an upgrade,
# which is none of its business: the old process goes on until the new version
# takes over.
set -e
config=/etc/agentkeeper/agentkeeper.yaml
case "${1-}" in
remove) ;;
0) # rpm removes the file that it has the name of; postremove.sh brings it back
	[ ! -e $config ] || ln -f $config $config.kept
	;;
*) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	# Stopped means signed out.
	systemctl stop agentkeeper.socket agentkeeper.service || true
fi
systemctl disable --quiet agentkeeper.socket agentkeeper.service || true
rm -f /usr/lib/systemd/system/agentkeeper.service.d/50-newer.conf
