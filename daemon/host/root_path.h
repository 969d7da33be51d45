/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Opens (O_PATH) what @path is below the directory @root, as a process with that root would see it: links that are absolute
 * begin there, and ".." ends there. By hand, since RestrictSUIDSGID= of a systemd unit takes openat2(2) away. Whoever
 * changes the tree meanwhile makes it fail, and gets nowhere else. Returns a descriptor, the caller's, or -errno.
 */
int root_path_open(int root, const char *path);
