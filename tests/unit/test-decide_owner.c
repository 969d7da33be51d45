/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/scene.h"

/* An owner's soft limit that fits beside all else lets garbage kill nobody. */

/* Of 300 MiB 275 are left beside the rest; with 251 the effective GOGC would be 16, with 267 it is 25. */
static void setup_owner_fits(struct plant *p)
{
	plant_room(p, 300 * MIB);
	plant_collect(p, 0);
	owner_says(p, LEVER_SOFT_LIMIT, (int64_t)(262 * MIB));
	plant_sample(p, 0)->mapped_ready_bytes -= plant_sample(p, 0)->heap_free_bytes;
	plant_sample(p, 0)->heap_free_bytes = 0;
	plant_measure(p);
}

static void setup_owner_overridden(struct plant *p)
{
	setup_owner_fits(p);
	p->rules.ownership[LEVER_SOFT_LIMIT] = OWNERSHIP_OVERRIDE;
}

static void setup_owner_fits_emergency(struct plant *p)
{
	setup_owner_fits(p);
	plant_sample(p, 0)->heap_free_bytes = 50 * MIB;
	plant_sample(p, 0)->mapped_ready_bytes += 50 * MIB;
	plant_measure(p);
}

static void setup_owner_too_high(struct plant *p)
{
	setup_owner_fits(p);
	owner_says(p, LEVER_SOFT_LIMIT, (int64_t)(285 * MIB));
}

static const struct scene scenes[] = {
	{ "an owner's limit that fits is not lowered until collecting is dear", setup_owner_fits, S,
	  VERDICT_HOLD, REASON_OWNER, AS_IS },
	{ "nor in an emergency", setup_owner_fits_emergency, S, VERDICT_HOLD, REASON_OWNER, AS_IS },
	{ "but where it does not fit", setup_owner_too_high, S, VERDICT_SET, REASON_HEADROOM,
	  276 * MIB - 20 * MIB - 300 * MIB / 64 },
	{ "or the policy overrides owners", setup_owner_overridden, S, VERDICT_SET, REASON_HEADROOM,
	  276 * MIB - 20 * MIB - 300 * MIB / 64 },
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_scene, scenes);
	return suite_run(&s, "decide_owner");
}
