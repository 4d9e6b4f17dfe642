#!/bin/sh
# Runs before the files come. deb: install [OLD VERSION], after a removal as well
# as for the first time, or upgrade. What comes after cannot tell an installation
# after a removal from an upgrade.
set -e
[ "${1-}" != install ] || touch /run/agentkeeper.install
