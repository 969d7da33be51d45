/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/fetch.h"

/*
 * The process of gomemd-fetch that asks and reads, with libcurl and without rights. Its owner's end of a pair of sockets
 * hears one byte when it is ready, 0, or 1 where there is no library; then each message is a struct fetch_request with
 * one socket, after a FETCH_BODY one of a byte with the memory that its answer is to be written to, and is answered by a
 * struct fetch_reply. Never returns.
 */
_Noreturn void fetch_curl_serve(int fd);
