/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "base/util.h"
#include "host/unit.h"

#define CALL_TIMEOUT (5 * USEC_SEC)

struct unit_bus {
	sd_bus *bus;
};

struct call {
	unit_done done;
	void *userdata;
};

int unit_bus_new(struct sd_event *event, struct unit_bus **ret)
{
	_cleanup_(unit_bus_freep) struct unit_bus *ub = calloc(1, sizeof(*ub));
	int r;

	if (!ub)
		return -ENOMEM;
	r = sd_bus_open_system(&ub->bus);
	if (r >= 0)
		r = sd_bus_attach_event(ub->bus, event, SD_EVENT_PRIORITY_NORMAL);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(ub);
	return 0;
}

struct unit_bus *unit_bus_free(struct unit_bus *ub)
{
	if (!ub)
		return NULL;
	sd_bus_flush_close_unref(ub->bus);
	free(ub);
	return NULL;
}

static int call_ended(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	_cleanup_(freep) struct call *call = userdata;

	(void)error;
	call->done(call->userdata, -sd_bus_message_get_errno(m));
	return 0;
}

static int make_call(sd_bus *bus, const char *unit, uint64_t bytes, sd_bus_message **ret)
{
	int r = sd_bus_message_new_method_call(
		bus, ret, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
		"org.freedesktop.systemd1.Manager", "SetUnitProperties");

	/* true: until the next boot only. */
	if (r >= 0)
		r = sd_bus_message_append(*ret, "sba(sv)", unit, 1, 1, "MemoryHigh", "t", bytes);
	return r;
}

int unit_set_memory_high(struct unit_bus *ub, const char *unit, uint64_t bytes, unit_done done,
			 void *userdata)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	_cleanup_(freep) struct call *call = calloc(1, sizeof(*call));
	int r;

	if (!call)
		return -ENOMEM;
	call->done = done;
	call->userdata = userdata;
	r = make_call(ub->bus, unit, bytes, &m);
	if (r >= 0)
		r = sd_bus_call_async(ub->bus, NULL, m, call_ended, call, CALL_TIMEOUT);
	if (r < 0)
		return r;
	TAKE_PTR(call);
	return 0;
}

int unit_set_memory_high_now(const char *unit, uint64_t bytes)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r = sd_bus_open_system(&bus);

	if (r >= 0)
		r = make_call(bus, unit, bytes, &m);
	if (r >= 0)
		r = sd_bus_call(bus, m, CALL_TIMEOUT, NULL, NULL);
	return MIN(r, 0);
}
