/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/forecast.h"
#include "decide/history.h"

/*
 * The decision: what each lever of a workload is to be, why, and the numbers that led there. A function of its
 * arguments alone; gomemd(8) describes the states and symbols.
 */
enum decide_verdict {
	VERDICT_HOLD, /* as it is */
	VERDICT_SET,
	VERDICT_RESTORE, /* back to the owner's value */
	VERDICT_MAX_,
};

enum decide_reason {
	REASON_NONE,
	REASON_HEADROOM,     /* calm: the soft limit leaves room for what is not Go */
	REASON_TRIGGER,	     /* pressed: the tier's trigger */
	REASON_EMERGENCY,    /* usage reached its share of the room */
	REASON_TIGHT,	     /* the soft limit left the collector no room */
	REASON_DOES_NOT_FIT, /* tight, and the memory is not there */
	REASON_HOT,	     /* the runtime's own CPU limiter is on */
	REASON_BALANCE,	     /* several processes: extra heap is where it saves most */
	REASON_IDLE,	     /* it does next to nothing: what it does not need is given back */
	REASON_SWAP,	   /* what cannot be collected is in swap: each collection reads it back */
	REASON_THROTTLE,   /* memory.high, after collecting did not help */
	REASON_STATE_LEFT, /* nothing asks for it any more */
	REASON_HARM,	   /* the last change cost and gained nothing: rolled back */
	REASON_PROFILE,	   /* the tier wants a heap profile */
	REASON_OPERATOR,   /* pinned */
	REASON_OWNER,	   /* held: the owner's own value stands */
	REASON_MANUAL,	   /* held: somebody else writes this lever */
	REASON_RESTING,	   /* held: rolled back a while ago */
	REASON_INTERVAL,   /* held: changed just now */
	REASON_STEP,	   /* held: waits for the next cycle before the next step */
	REASON_SMALL,	   /* held: the difference is not worth a write */
	REASON_CPU_QUOTA,  /* held: collecting more would be paid for by throttling */
	REASON_NO_GAIN,	   /* held: little to gain */
	REASON_NO_ROOM,	   /* held: no limit, so no room to govern by */
	REASON_NOT_PROVED, /* held: the process is only observed */
	REASON_MAX_,
};

enum decide_alert {
	ALERT_NONE,
	ALERT_EMERGENCY,
	ALERT_DOES_NOT_FIT,
	ALERT_HOT,
	ALERT_GROWTH, /* the forecast: its live heap will not fit soon */
	ALERT_NONGO,  /* the same of memory that is not Go's */
	ALERT_MAX_,
};

const char *decide_verdict_name(int32_t verdict);
const char *decide_reason_name(int32_t reason);
const char *decide_alert_name(int32_t alert);

struct lever_decision {
	int32_t verdict, reason;
	int64_t from, to; /* bytes, percent or 0/1 */
};

/* Goroutines that a process may create, a second. No lever: nothing is written, and nothing needs to be given back. */
struct rate_decision {
	uint32_t rate; /* 0: as many as it likes */
	int32_t reason;
};

struct proc_decision {
	struct proc_key key;
	uint64_t floor_bytes; /* [S_floor] */
	uint64_t share_bytes; /* of the budget */
	uint64_t goal_bytes;
	int32_t effective_gogc; /* [e] */
	bool tight;
	struct lever_decision lever[LEVER_MEMORY_HIGH]; /* those of a process */
	struct rate_decision goroutines;
};

/* tight = restart: what becomes of the unit, and where nothing does, why not. */
enum restart_verdict {
	RESTART_NONE,	       /* nothing asks for it */
	RESTART_WAITING,       /* tight or in an emergency, but there may be another way out yet */
	RESTART_DUE,	       /* to be restarted */
	RESTART_NO_SERVICE,    /* it is none that the service manager could start again */
	RESTART_START_UNKNOWN, /* not known what it held after its start: nothing may be given back */
	RESTART_NO_GAIN,       /* it held hardly less after its start */
	RESTART_TOO_SOON,      /* restarted a while ago */
	RESTART_MAX_,
};

const char *decide_restart_name(int32_t verdict);

struct restart_decision {
	int32_t verdict;
	int32_t reason; /* enum decide_reason: does-not-fit; or tight, or emergency, without a way out */
	uint64_t live_bytes;	      /* [R] of all its processes */
	uint64_t live_at_start_bytes; /* the same soon after their start; 0: not known */
	usec_t from;		      /* not before; 0: at any time */
};

struct decision {
	usec_t now;
	int32_t state, previous; /* enum policy_state */
	int32_t reason;
	int32_t alert;
	uint64_t
		recommended_limit; /* memory.max that would fit; with a forecast's alert for a day more, 0 where none does */
	struct forecast forecast;
	uint64_t limit, room, allotted, usage, nongo, margin, mapped;
	bool swap_holds; /* what the owners set fits into memory and swap */
	bool swapped; /* a part of what lives is in swap, and what the owners set fits into both */
	uint64_t budget; /* for the sum of the soft limits */
	uint64_t trigger_value,
		trigger_bytes; /* pressed: the metric's peak and its figure; 0 bytes: no trigger */
	uint64_t emergency_bytes; /* usage from which it is an emergency; 0: never */
	struct lever_decision memory_high;
	uint64_t reclaim_bytes; /* to be asked of the kernel now; 0: nothing */
	bool reclaim_file;	/* of the page cache alone, though more could be had */
	struct restart_decision restart;
	uint32_t n_procs;
	struct proc_decision procs[SNAPSHOT_PROCS_MAX];
};

/* Settings that are neither policy nor observation. */
struct decide_settings {
	usec_t interval; /* at least this between two changes of one lever, outside an emergency */
};

/*
 * Decides. @h has taken the snapshot over (history_observe) and is carried on: latches and watches move here.
 */
void decide(const struct decide_settings *settings, const struct policy_rules *rules,
	    const struct snapshot *s, struct history *h, usec_t now, struct decision *ret);

/* The current value of a lever as the sample or the cgroup has it. */
int64_t decide_lever_now(const struct snapshot *s, const struct snapshot_proc *p,
			 enum policy_lever lever);

/* Nothing was decided. Entries of processes are left as they are: there are none. */
void decision_clear(struct decision *d, usec_t now);

/* True where one of the decision's levers is to be changed. */
bool decision_has_change(const struct decision *d);
