/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/text.h"
#include "base/util.h"
#include "host/fetch_message.h"
#include "host/kube_get.h"
#include "kube/api_json.h"

#define PAGE_PATIENCE (10 * USEC_SEC)
#define WATCH_SECONDS                                                                              \
	240 /* and up to as many more as here below, so that not all nodes come again at once */
#define WATCH_SPREAD 60
#define WATCH_SLACK  (30 * USEC_SEC)
#define WATCH_SHORT  USEC_SEC /* one that ends before has failed */
#define WAIT_FIRST   (500 * USEC_MSEC)
#define WAIT_MAX     (60 * USEC_SEC)

enum {
	PAGE_OBJECTS = 128,
	PAGES_MAX = 1024,
	URL_BYTES = 8192,
};

/* Of those that have ended there may be any number, and nothing of them runs. */
#define PODS_PATH                                                                                  \
	"/api/v1/pods?fieldSelector=status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed%2Cspec.nodeName%3D"

struct follower {
	struct curl_library lib;
	const struct kube_api *api;
	enum kube_resource resource;
	int keeper, owner;
	struct kube_grant grant;
	char version[KUBE_VERSION_BYTES]; /* from which to watch; "": it is to be listed */
	uint32_t status;		  /* of the last request */
	uint32_t error;			  /* that its watch ended with; 0: none */
	uint32_t left_out;		  /* not told yet */
	unsigned int failures;		  /* in a row */
	bool told;			  /* the watch has told of something */
	/* The page, or the line, that is coming in. */
	char *text;
	size_t n, room;
	struct kube_event event;
};

static void tell(void *userdata, const struct kube_record *r)
{
	const struct follower *f = userdata;

	if (send(f->owner, r, sizeof(*r), MSG_NOSIGNAL) < 0)
		_exit(0);
}

static void tell_of(struct follower *f, enum kube_record_kind kind, enum kube_outcome outcome)
{
	const struct kube_record r = { .kind = kind,
				       .resource = f->resource,
				       .outcome = outcome,
				       .status = f->status,
				       .left_out = f->left_out };

	tell(f, &r);
	f->left_out = 0;
}

static uint64_t random_below(uint64_t n)
{
	uint64_t v = 0;

	/* Of no consequence where it fails: it only spreads. */
	if (getrandom(&v, sizeof(v), 0) < 0)
		return 0;
	return v % n;
}

/* Ends with the owner, and with the keeper, which has no right to end it: both are silent, or gone. */
static void wait_for(const struct follower *f, usec_t delay)
{
	struct pollfd p[] = { { .fd = f->owner }, { .fd = f->keeper } };
	const usec_t until = clock_now() + delay;
	usec_t now = clock_now();

	do {
		const usec_t left = sub_sat(until, now);

		if (poll(p, ARRAY_SIZE(p), left ? (int)(left / USEC_MSEC) + 1 : 0) > 0)
			_exit(0);
		now = clock_now();
	} while (now < until);
}

static void on_progress(void *userdata)
{
	wait_for(userdata, 0);
}

static void back_off(struct follower *f)
{
	const usec_t most = MIN(WAIT_FIRST << MIN(f->failures, 10u), WAIT_MAX);

	f->failures++;
	wait_for(f, most / 2 + random_below(most / 2));
}

/* Appends @text to @url as a value of a query. False where it has no room. */
static bool add_escaped(char url[URL_BYTES], const char *text)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	size_t n = strlen(url);

	for (; *text; text++) {
		if (n + 4 > URL_BYTES)
			return false;
		if (strchr(plain, *text))
			url[n++] = *text;
		else
			n += (size_t)snprintf(url + n, 4, "%%%02X", (unsigned char)*text);
	}
	url[n] = '\0';
	return true;
}

/* What is asked for, as far as list and watch have it in common. */
static void url_of(const struct follower *f, char url[URL_BYTES])
{
	struct endpoint at = f->api->server;

	text_copy(at.path, sizeof(at.path),
		  f->resource == KUBE_PODS ? PODS_PATH : "/api/v1/namespaces?labelSelector=");
	endpoint_url(url, &at);
	add_escaped(url, f->resource == KUBE_PODS ? f->api->node : KUBE_MODE_KEY);
}

/* Of a namespace nothing but the metadata is of use. */
static const char *accept_of(const struct follower *f, bool list)
{
	if (f->resource == KUBE_PODS)
		return "application/json";
	return list ? "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1" :
		      "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
}

static enum kube_outcome get(struct follower *f, struct kube_get *g)
{
	const char please = 0;
	int sock;

	f->n = 0;
	f->status = f->error = 0;
	if (send(f->keeper, &please, 1, MSG_NOSIGNAL) != 1 ||
	    fetch_message_receive(f->keeper, &f->grant, sizeof(f->grant), &sock) < 0)
		_exit(0);
	if (f->grant.outcome != KUBE_OK) {
		close(sock);
		return (enum kube_outcome)f->grant.outcome;
	}
	g->grant = &f->grant;
	g->progress = on_progress;
	g->userdata = f;
	return kube_get(&f->lib, g, sock, &f->status);
}

static bool keep(struct follower *f, const char *bytes, size_t len, enum kube_outcome *outcome)
{
	const int r = array_make_room_for(&f->text, &f->room, f->n, len, KUBE_PAGE_BYTES_MAX, 1);

	if (!len)
		return true;
	if (r < 0) {
		*outcome = r == -EFBIG ? KUBE_TOO_LARGE : KUBE_FAILED;
		return false;
	}
	memcpy(f->text + f->n, bytes, len);
	f->n += len;
	return true;
}

/* What kept a large answer is given back. */
static void forget_text(struct follower *f)
{
	free(f->text);
	f->text = NULL;
	f->n = f->room = 0;
}

static enum kube_outcome outcome_of(int r)
{
	if (r == 0)
		return KUBE_OK;
	return r == -EFBIG ? KUBE_TOO_LARGE : r == -ENOMEM ? KUBE_FAILED : KUBE_GARBLED;
}

static bool on_page(void *userdata, const char *bytes, size_t len, enum kube_outcome *outcome)
{
	return keep(userdata, bytes, len, outcome);
}

static enum kube_outcome list_page(struct follower *f, uint32_t objects, struct kube_page *page)
{
	static char url[URL_BYTES];
	struct kube_get g = {
		.url = url, .accept = accept_of(f, true), .patience = PAGE_PATIENCE, .body = on_page
	};
	enum kube_outcome outcome;
	size_t n;

	url_of(f, url);
	n = strlen(url);
	snprintf(url + n, sizeof(url) - n, "&limit=%u%s", objects,
		 page->next[0] ? "&continue=" : "");
	if (!add_escaped(url, page->next))
		return KUBE_GARBLED;
	outcome = get(f, &g);
	if (outcome == KUBE_OK)
		outcome = outcome_of(
			kube_page_read(span_of(f->text, f->n), f->resource, tell, f, page));
	/* One tenant's object must not keep those of all others from being told. */
	if (outcome == KUBE_TOO_LARGE && objects == 1 &&
	    kube_page_skip(span_of(f->text, f->n), f->resource, page) == 0)
		outcome = KUBE_OK;
	forget_text(f);
	if (outcome == KUBE_OK)
		f->left_out += page->left_out;
	return outcome;
}

/* Pages that are too large are asked for with fewer objects, down to one; what comes after may be smaller again. */
static enum kube_outcome list(struct follower *f)
{
	struct kube_page page = { 0 };
	char before[KUBE_CONTINUE_BYTES];
	enum kube_outcome outcome;
	uint32_t objects = PAGE_OBJECTS;

	tell_of(f, KUBE_RECORD_LISTING, KUBE_OK);
	for (size_t i = 0; i < PAGES_MAX; i++) {
		text_copy(before, sizeof(before), page.next);
		outcome = list_page(f, objects, &page);
		if (outcome == KUBE_TOO_LARGE && objects > 1) {
			objects /= 4;
			objects = MAX(objects, 1u);
			continue;
		}
		if (outcome != KUBE_OK)
			return outcome;
		if (page.next[0] && !strcmp(page.next, before))
			return KUBE_GARBLED;
		objects = MIN(objects * 4, (uint32_t)PAGE_OBJECTS);
		if (page.next[0])
			continue;
		text_copy(f->version, sizeof(f->version), page.version);
		tell_of(f, KUBE_RECORD_LISTED, KUBE_OK);
		tell_of(f, KUBE_RECORD_STATE, KUBE_OK);
		return KUBE_OK;
	}
	return KUBE_TOO_LARGE;
}

/* Returns false where the watch is over; then the next thing is a list, but for KUBE_OK. */
static bool take_event(struct follower *f, enum kube_outcome *outcome)
{
	struct kube_event *e = &f->event;

	*outcome = outcome_of(kube_event_read(span_of(f->text, f->n), f->resource, e));
	if (*outcome == KUBE_TOO_LARGE) {
		*outcome = KUBE_OK;
		e->type = KUBE_EVENT_LEFT_OUT;
		e->version[0] = '\0';
	}
	if (*outcome == KUBE_OK && e->type == KUBE_EVENT_ERROR) {
		f->error = e->code;
		*outcome = KUBE_STATUS;
	}
	if (*outcome != KUBE_OK) {
		f->version[0] = '\0';
		return false;
	}
	f->told = true;
	if (e->version[0])
		text_copy(f->version, sizeof(f->version), e->version);
	if (e->type == KUBE_EVENT_OBJECT)
		tell(f, &e->record);
	f->left_out += e->type == KUBE_EVENT_LEFT_OUT;
	/* Of a bookmark, which comes about once a minute: that the server is there. */
	if (e->type == KUBE_EVENT_LEFT_OUT || e->type == KUBE_EVENT_BOOKMARK)
		tell_of(f, KUBE_RECORD_STATE, KUBE_OK);
	return true;
}

/* One event a line. */
static bool on_watch(void *userdata, const char *bytes, size_t len, enum kube_outcome *outcome)
{
	struct follower *f = userdata;

	while (len > 0) {
		const char *end = memchr(bytes, '\n', len);
		const size_t n = end ? (size_t)(end - bytes) : len;

		if (!keep(f, bytes, n, outcome)) {
			f->version[0] = '\0';
			return false;
		}
		bytes += n + (end != NULL);
		len -= n + (end != NULL);
		if (end && f->n > 0 && !take_event(f, outcome))
			return false;
		if (end)
			forget_text(f);
	}
	return true;
}

static void on_watching(void *userdata)
{
	struct follower *f = userdata;

	tell_of(f, KUBE_RECORD_STATE, KUBE_OK);
}

static enum kube_outcome watch(struct follower *f)
{
	static char url[URL_BYTES];
	const unsigned int seconds = WATCH_SECONDS + (unsigned int)random_below(WATCH_SPREAD);
	struct kube_get g = { .url = url,
			      .accept = accept_of(f, false),
			      .patience = seconds * USEC_SEC + WATCH_SLACK,
			      .begun = on_watching,
			      .body = on_watch };
	enum kube_outcome outcome;
	size_t n;

	url_of(f, url);
	n = strlen(url);
	snprintf(url + n, sizeof(url) - n,
		 "&watch=1&allowWatchBookmarks=true&timeoutSeconds=%u&resourceVersion=", seconds);
	add_escaped(url, f->version);
	outcome = get(f, &g);
	/* As servers say 410: in an answer that is 200. */
	if (f->error)
		f->status = f->error;
	/* An event that was cut off comes again. */
	if (outcome == KUBE_OK && f->n > 0)
		outcome = KUBE_GARBLED;
	forget_text(f);
	return outcome;
}

/* One list, or one watch, and what comes of it. */
static void step(struct follower *f)
{
	const bool watches = f->version[0];
	const usec_t began = clock_now();
	const enum kube_outcome outcome = watches ? watch(f) : list(f);
	const bool lasted = watches && clock_now() >= began + WATCH_SHORT;

	if (f->status == KUBE_GONE)
		f->version[0] = '\0';
	if ((lasted && outcome == KUBE_OK) || f->told)
		f->failures = 0;
	f->told = false;
	/* An ordinary end of what a watch can go on from, where it is not the only thing that comes. */
	if (f->status == KUBE_GONE && !f->failures++)
		return;
	if (outcome != KUBE_OK)
		tell_of(f, KUBE_RECORD_STATE, outcome);
	if (outcome != KUBE_OK || (watches && !lasted))
		back_off(f);
}

void kube_follow(int keeper, int owner, const struct kube_api *api, enum kube_resource resource)
{
	static struct follower f;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "gomemd-kubeapi");
	signal(SIGPIPE, SIG_IGN);
	f.api = api;
	f.resource = resource;
	f.keeper = keeper;
	f.owner = owner;
	if (!curl_library_load(&f.lib)) {
		tell_of(&f, KUBE_RECORD_STATE, KUBE_NO_LIBRARY);
		for (;;)
			wait_for(&f, WAIT_MAX);
	}
	if (!curl_library_confine())
		_exit(1);
	for (;;)
		step(&f);
}
