#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: alertmanager.sh PROGRAM SCRATCH PORT
#
# In a mount namespace of its own: Debian's Alertmanager on 127.0.0.1:PORT. It wants templates where its package has them; they
# are for mails and the like, which nobody is sent here, so that empty ones do.
set -eu

program=$1 scratch=$2 port=$3
mkdir -p "$scratch"
mount --make-rprivate /
mount -t tmpfs tmpfs /usr/share
mkdir -p /usr/share/prometheus/alertmanager
: >/usr/share/prometheus/alertmanager/default.tmpl
: >/usr/share/prometheus/alertmanager/email.tmpl
cat >"$scratch/alertmanager.yml" <<-END
	route: {receiver: none}
	receivers: [{name: none}]
END
exec "$program" --config.file="$scratch/alertmanager.yml" --storage.path="$scratch/data" \
	--web.listen-address="127.0.0.1:$port" --cluster.listen-address=
