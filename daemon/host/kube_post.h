/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The process without rights that sends what the daemon has for the API server: @owner's messages are struct post_request, each
 * answered by a struct post_reply; @keeper grants socket, token and CA for each (host/kube_follow.h). Never returns.
 */
_Noreturn void kube_post(int keeper, int owner);
