# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash

# wait_seconds N: the length of a window that is measured, or the pause between two looks at a condition. Without a process
# of its own, which would be measured as well.
wait_seconds() {
	read -rt "$1" <> <(:) || true
}
