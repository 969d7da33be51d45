/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "report/notify.h"

enum told {
	TOLD_NOTHING,
	TOLD_FIRING,
	TOLD_RESOLVED,
};

/* An alert that fires, or is resolved and not all receivers have been told so. */
struct alert {
	struct notice notice;
	bool resolved;
	usec_t ready;			       /* nobody is told before */
	usec_t gone;			       /* it does not fire since; 0: it does */
	uint8_t told[NOTIFY_RECEIVER_MAX_];    /* enum told: what is in its queue, or was */
	uint8_t dropped[NOTIFY_RECEIVER_MAX_]; /* the one that had no room */
};

struct change {
	struct notice notice;
	uint64_t serial;
};

struct bucket {
	uint64_t tokens;
	usec_t refilled;
	bool begun;
};

struct receiver {
	bool on;
	struct notify_way way;
	struct change **queue;
	size_t n, room;
	size_t under_way; /* so many of the first; 0: no request is */
	size_t alone;	  /* so many of the first are to be told one by one */
	uint64_t serial;
	usec_t retry_at, repeated;
	struct bucket bucket;
	struct notify_stats stats;
};

struct notify {
	struct notify_settings settings;
	struct alert **alerts;
	size_t n, room;
	struct bucket bucket;
	struct receiver receivers[NOTIFY_RECEIVER_MAX_];
};

static const char *const receiver_names[] = {
	[NOTIFY_ALERTMANAGER] = "alertmanager",
	[NOTIFY_WEBHOOK] = "webhook",
	[NOTIFY_EVENTS] = "events",
};
_Static_assert(ARRAY_SIZE(receiver_names) == NOTIFY_RECEIVER_MAX_, "a name for each receiver");

const char *notify_receiver_name(int32_t receiver)
{
	return receiver >= 0 && receiver < NOTIFY_RECEIVER_MAX_ ? receiver_names[receiver] :
								  "unknown";
}

int notify_new(const struct notify_settings *settings, struct notify **ret)
{
	struct notify *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->settings = *settings;
	*ret = n;
	return 0;
}

static void forget_queue(struct receiver *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->queue[i]);
	free(r->queue);
	r->queue = NULL;
	r->n = r->room = r->under_way = r->alone = 0;
}

struct notify *notify_free(struct notify *n)
{
	if (!n)
		return NULL;
	for (size_t i = 0; i < n->n; i++)
		free(n->alerts[i]);
	free(n->alerts);
	for (size_t r = 0; r < NOTIFY_RECEIVER_MAX_; r++)
		forget_queue(&n->receivers[r]);
	free(n);
	return NULL;
}

void notify_set(struct notify *n, const struct notify_settings *settings)
{
	n->settings = *settings;
}

void notify_set_receiver(struct notify *n, enum notify_receiver which, const struct notify_way *way)
{
	struct receiver *r = &n->receivers[which];
	const bool was_on = r->on;

	r->on = way != NULL;
	if (way)
		r->way = *way;
	if (r->on == was_on)
		return;
	forget_queue(r);
	r->retry_at = r->repeated = 0;
	r->stats.failures = 0;
	r->stats.health = (struct health){ 0 };
	for (size_t i = 0; i < n->n; i++)
		n->alerts[i]->told[which] = n->alerts[i]->dropped[which] = TOLD_NOTHING;
}

static struct alert *find(const struct notify *n, const struct notice *notice)
{
	for (size_t i = 0; i < n->n; i++)
		if (notice_is_same(&n->alerts[i]->notice, notice))
			return n->alerts[i];
	return NULL;
}

/* The figures of now; since when it fires and what was learned of its causes stays. */
static void take_figures(struct alert *a, const struct notice *notice)
{
	const struct notice before = a->notice;

	a->notice = *notice;
	if (!a->resolved)
		a->notice.started_wall = before.started_wall;
	if (!notice->n_culprits) {
		a->notice.n_culprits = before.n_culprits;
		memcpy(a->notice.culprits, before.culprits, sizeof(before.culprits));
	}
	a->notice.ended_wall = 0;
	a->resolved = false;
	a->gone = 0;
}

/* One tenant has half of the table at most: what it makes of pods or units is not to keep others from being heard. */
static bool has_its_share(const struct notify *n, const struct notice *notice)
{
	size_t of_tenant = 0;

	for (size_t i = 0; i < n->n; i++)
		of_tenant += notice_shares_tenant(notice, &n->alerts[i]->notice);
	return of_tenant > 0 && of_tenant >= n->settings.alerts_max / 2;
}

int notify_fire(struct notify *n, const struct notice *notice, usec_t now, usec_t wait)
{
	struct alert *a = find(n, notice);
	int r;

	if (a) {
		take_figures(a, notice);
		return NOTIFY_KNOWN;
	}
	if (has_its_share(n, notice))
		return -ENOSPC;
	r = array_make_room(&n->alerts, &n->room, n->n, n->settings.alerts_max, sizeof(*n->alerts));
	if (r == -EFBIG)
		return -ENOSPC;
	a = r == 0 ? calloc(1, sizeof(*a)) : NULL;
	if (!a)
		return -ENOMEM;
	a->notice = *notice;
	a->notice.ended_wall = 0;
	a->ready = now + wait;
	for (size_t i = 0; n->n == 0 && i < NOTIFY_RECEIVER_MAX_; i++)
		n->receivers[i].repeated = now;
	n->alerts[n->n++] = a;
	return 0;
}

void notify_clear(struct notify *n, uint64_t owner, const struct notice *but, usec_t now)
{
	for (size_t i = 0; i < n->n; i++) {
		struct alert *a = n->alerts[i];

		if (!a->gone && a->notice.owner == owner &&
		    !(but && notice_is_same(&a->notice, but)))
			a->gone = MAX(now, UINT64_C(1));
	}
}

void notify_complete(struct notify *n, uint64_t owner, const struct culprit *of, size_t n_of,
		     usec_t now)
{
	for (size_t i = 0; i < n->n; i++) {
		struct alert *a = n->alerts[i];

		if (a->notice.owner != owner)
			continue;
		notice_take_culprits(&a->notice, of, n_of);
		a->ready = MIN(a->ready, now);
	}
}

bool notify_is_idle(const struct notify *n)
{
	for (size_t r = 0; r < NOTIFY_RECEIVER_MAX_; r++)
		if (n->receivers[r].n)
			return false;
	return n->n == 0;
}

static int enqueue(struct receiver *r, const struct notice *notice, size_t max)
{
	struct change *c;

	if (array_make_room(&r->queue, &r->room, r->n, max, sizeof(*r->queue)) < 0)
		return -ENOSPC;
	c = malloc(sizeof(*c));
	if (!c)
		return -ENOSPC;
	c->notice = *notice;
	c->serial = ++r->serial;
	r->queue[r->n++] = c;
	return 0;
}

/* What the receiver ought to have been told. */
static enum told owed(const struct notify *n, const struct alert *a, size_t r)
{
	const enum told is = a->resolved ? TOLD_RESOLVED : TOLD_FIRING;

	if (n->receivers[r].way.pods && !notice_is_of_pod(&a->notice))
		return TOLD_NOTHING;
	/* Of what nobody has heard nobody need hear the end. */
	return a->told[r] == is || (a->resolved && a->told[r] == TOLD_NOTHING) ? TOLD_NOTHING : is;
}

static void tell(struct notify *n, size_t which, struct alert *a)
{
	struct receiver *r = &n->receivers[which];
	const enum told it = owed(n, a, which);

	if (!r->on || it == TOLD_NOTHING)
		return;
	if (enqueue(r, &a->notice, n->settings.queue_max) == 0) {
		a->told[which] = (uint8_t)it;
		a->dropped[which] = TOLD_NOTHING;
	} else if (a->dropped[which] != it) {
		a->dropped[which] = (uint8_t)it;
		r->stats.dropped++;
	}
}

static bool is_done(const struct notify *n, const struct alert *a)
{
	for (size_t r = 0; r < NOTIFY_RECEIVER_MAX_; r++)
		if (n->receivers[r].on && owed(n, a, r) != TOLD_NOTHING)
			return false;
	return a->resolved;
}

static usec_t interval_of(const struct notify *n, const struct receiver *r)
{
	return n->settings.repeat * r->way.repeats;
}

/* All of them, however short the queue is to be, which is empty: what is not told again would end at the receiver. */
static void repeat(struct notify *n, struct receiver *r, size_t which, usec_t now)
{
	if (!r->on || !r->way.repeats || r->n || now < r->repeated + interval_of(n, r))
		return;
	r->repeated = now;
	for (size_t i = 0; i < n->n; i++)
		if (!n->alerts[i]->resolved && n->alerts[i]->told[which] == TOLD_FIRING &&
		    enqueue(r, &n->alerts[i]->notice,
			    MAX(n->settings.queue_max, n->settings.alerts_max)) < 0)
			return;
}

void notify_run(struct notify *n, usec_t now, usec_t wall)
{
	size_t kept = 0;

	for (size_t i = 0; i < n->n; i++) {
		struct alert *a = n->alerts[i];

		if (now < a->ready)
			continue;
		if (a->gone && !a->resolved && now >= a->gone + n->settings.hold) {
			for (size_t r = 0; r < NOTIFY_RECEIVER_MAX_; r++)
				tell(n, r, a);
			a->resolved = true;
			a->notice.ended_wall = MAX(sub_sat(wall, now - a->gone), UINT64_C(1));
		}
		for (size_t r = 0; r < NOTIFY_RECEIVER_MAX_; r++)
			tell(n, r, a);
	}
	for (size_t i = 0; i < n->n; i++) {
		if (is_done(n, n->alerts[i]))
			free(n->alerts[i]);
		else
			n->alerts[kept++] = n->alerts[i];
	}
	n->n = kept;
	for (size_t r = 0; r < NOTIFY_RECEIVER_MAX_; r++)
		repeat(n, &n->receivers[r], r, now);
}

static void refill(struct bucket *b, const struct notify_rate *rate, usec_t now)
{
	uint64_t fresh;

	if (!b->begun) {
		b->begun = true;
		b->tokens = rate->burst;
		b->refilled = now;
	}
	fresh = rate->interval ? sub_sat(now, b->refilled) / rate->interval : rate->burst;
	b->tokens = MIN(add_sat(b->tokens, fresh), (uint64_t)rate->burst);
	b->refilled += fresh * rate->interval;
}

static usec_t next_token(const struct bucket *b, const struct notify_rate *rate)
{
	return !b->begun || b->tokens ? 0 : b->refilled + rate->interval;
}

bool notify_next(struct notify *n, enum notify_receiver which, usec_t now, struct notify_batch *ret)
{
	struct receiver *r = &n->receivers[which];
	const size_t max = r->alone ? 1 : r->way.batch;

	if (!r->on || !r->n || r->under_way || now < r->retry_at)
		return false;
	refill(&r->bucket, &n->settings.each, now);
	refill(&n->bucket, &n->settings.all, now);
	if (!r->bucket.tokens || !n->bucket.tokens)
		return false;
	r->bucket.tokens--;
	n->bucket.tokens--;
	r->under_way = MIN(r->n, max);
	ret->n = r->under_way;
	ret->serial = r->queue[0]->serial;
	for (size_t i = 0; i < ret->n; i++)
		ret->of[i] = &r->queue[i]->notice;
	return true;
}

static void drop_first(struct receiver *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(r->queue[i]);
	r->n -= n;
	memmove(r->queue, r->queue + n, r->n * sizeof(*r->queue));
	r->alone -= MIN(r->alone, n);
}

/* Twice as long each time, of which the half is by chance. */
static usec_t backoff(const struct notify_settings *s, uint32_t failures, uint64_t random)
{
	usec_t delay = s->backoff_min;

	for (uint32_t i = 1; i < failures && delay < s->backoff_max; i++)
		delay *= 2;
	delay = MIN(delay, s->backoff_max);
	return delay / 2 + random % (delay / 2 + 1);
}

enum notify_result notify_result_of(uint32_t status)
{
	if (status >= 200 && status < 300)
		return NOTIFY_SENT;
	switch (status) {
	case 400:
	case 413:
	case 415:
	case 422:
		return NOTIFY_REJECTED;
	default:
		return NOTIFY_FAILED;
	}
}

void notify_note_error(struct notify *n, enum notify_receiver which, const char *why)
{
	struct health *h = &n->receivers[which].stats.health;

	text_copy(h->error, sizeof(h->error), why);
}

void notify_done(struct notify *n, enum notify_receiver which, enum notify_result result,
		 usec_t now, uint64_t random)
{
	struct receiver *r = &n->receivers[which];
	const size_t of = r->under_way;

	/* The receiver was taken away meanwhile. */
	if (!of)
		return;
	r->under_way = 0;
	if (result == NOTIFY_FAILED) {
		r->stats.failed++;
		r->stats.failures++;
		health_fails(&r->stats.health, now, NULL);
		r->retry_at = now + backoff(&n->settings, r->stats.failures, random);
		return;
	}
	r->stats.failures = 0;
	r->retry_at = 0;
	health_works(&r->stats.health, now);
	if (result == NOTIFY_REJECTED)
		health_error(&r->stats.health, now, NULL);
	if (result == NOTIFY_REJECTED && of > 1) {
		r->alone = of;
		return;
	}
	if (result == NOTIFY_SENT)
		r->stats.sent += of;
	else
		r->stats.rejected += of;
	drop_first(r, of);
}

static usec_t sooner(usec_t a, usec_t b)
{
	return a ? MIN(a, b) : b;
}

static usec_t receiver_due(const struct notify *n, const struct receiver *r, usec_t now)
{
	usec_t at = MAX(now, UINT64_C(1));

	if (!r->on || r->under_way)
		return 0;
	if (!r->n)
		return r->way.repeats && notify_firing(n) ?
			       MAX(at, r->repeated + interval_of(n, r)) :
			       0;
	at = MAX(at, r->retry_at);
	at = MAX(at, next_token(&r->bucket, &n->settings.each));
	return MAX(at, next_token(&n->bucket, &n->settings.all));
}

usec_t notify_due(const struct notify *n, usec_t now)
{
	usec_t due = 0;

	for (size_t i = 0; i < n->n; i++) {
		const struct alert *a = n->alerts[i];

		if (now < a->ready)
			due = sooner(due, a->ready);
		else if (a->gone && !a->resolved)
			due = sooner(due, a->gone + n->settings.hold);
	}
	for (size_t r = 0; r < NOTIFY_RECEIVER_MAX_; r++) {
		const usec_t at = receiver_due(n, &n->receivers[r], now);

		if (at)
			due = sooner(due, at);
	}
	return due;
}

void notify_get_stats(const struct notify *n, enum notify_receiver r, struct notify_stats *ret)
{
	*ret = n->receivers[r].stats;
	ret->on = n->receivers[r].on;
	ret->queued = n->receivers[r].n;
}

size_t notify_firing(const struct notify *n)
{
	size_t firing = 0;

	for (size_t i = 0; i < n->n; i++)
		firing += !n->alerts[i]->resolved;
	return firing;
}
