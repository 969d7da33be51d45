/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/fetch.h"
#include "host/hostroot.h"

/*
 * Sockets of other network namespaces, for the process of gomemd-fetch that has rights. Nothing here reads what a tenant
 * has written but the kernel's lists of what it has open.
 */

/* May sockets be opened in other network namespaces? Returns 0, or -EPERM without CAP_SYS_ADMIN; stays in @own_ns. */
int fetch_socket_try(int own_ns);

/* Fills ret->found with where the process listens for TCP. Returns an outcome, FETCH_FAILED with ret->error. */
int fetch_socket_find(const struct hostroot *host, const struct fetch_request *req,
		      struct fetch_reply *ret);

/*
 * Opens a socket and begins to connect it, without waiting. Returns 0 with *ret_fd, an outcome above 0, or -errno.
 * @own_ns is this process's network namespace, which it is in before and after.
 */
int fetch_socket_open(const struct hostroot *host, int own_ns, const struct fetch_request *req,
		      int *ret_fd);
