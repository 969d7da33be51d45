#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: prometheusrule.sh | kubectl apply -f -
#
# Prints gomemd.rules.yml as an object of the Prometheus operator.
set -eu

cat <<'END'
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: gomemd
  namespace: gomemd
  labels:
    app.kubernetes.io/name: gomemd
spec:
END
sed -e '/^#/d' -e 's/^./  &/' "$(dirname "$(realpath "$0")")/gomemd.rules.yml"
