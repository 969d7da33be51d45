/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The values of a policy file. Each parser takes the whole value or nothing: 0, -EINVAL where it is not of the
 * form, -ERANGE where it is out of range, -ENOSPC where a list is full; the field is touched only on 0. What
 * @field points to is said behind each: one signature, so that the table of keys can hold them.
 */
int policy_value_memory(const char *value, void *field);
int policy_value_limit(const char *value, void *field); /* struct policy_tier */
int policy_value_pattern(const char *value,
			 void *field);		       /* struct policy_patterns; "" empties it */
int policy_value_name(const char *value, void *field); /* the same, of Kubernetes' characters */
int policy_value_label(const char *value,
		       void *field); /* the same, KEY=PATTERN as Kubernetes' labels */
int policy_value_annotation(const char *value, void *field);  /* the same, of gomemd.io/ alone */
int policy_value_qos(const char *value, void *field);	      /* the same, of the classes' names */
int policy_value_mode(const char *value, void *field);	      /* int32_t, enum policy_mode */
int policy_value_priority(const char *value, void *field);    /* int32_t */
int policy_value_ownership(const char *value, void *field);   /* int32_t, enum policy_ownership */
int policy_value_ownerships(const char *value, void *field);  /* LEVER_MAX_ of them */
int policy_value_tight(const char *value, void *field);	      /* bool: restart */
int policy_value_when(const char *value, void *field);	      /* struct policy_trigger */
int policy_value_gogc(const char *value, void *field);	      /* int32_t, percent */
int policy_value_switch(const char *value, void *field);      /* int32_t, 0 or 1 */
int policy_value_auto_off(const char *value, void *field);    /* bool: off */
int policy_value_off_on(const char *value, void *field);      /* bool: on */
int policy_value_series(const char *value, void *field);      /* usec_t, 0: off */
int policy_value_high(const char *value, void *field);	      /* int32_t, enum policy_high */
int policy_value_reclaim(const char *value, void *field);     /* int32_t, enum policy_reclaim */
int policy_value_gc_period(const char *value, void *field);   /* usec_t, 0: no */
int policy_value_idle(const char *value, void *field);	      /* usec_t, POLICY_NEVER: off */
int policy_value_environment(const char *value, void *field); /* usec_t, 0: off */
int policy_value_culprits(const char *value, void *field); /* usec_t, 0: alarm, POLICY_NEVER: off */
int policy_value_auto_no(const char *value, void *field);  /* bool: auto */
int policy_value_endpoint(const char *value, void *field); /* struct policy_endpoint */
int policy_value_rate(const char *value, void *field);	   /* uint32_t, per second */
