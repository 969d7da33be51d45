/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/memory.h"

/*
 * One Go image in a program's memory: what its moduledata says (Go src/runtime/symtab.go, struct moduledata,
 * words 0 and 20 to 33, the same from 1.18 to 1.27). All addresses are absolute and checked against the regions.
 */
struct go_image {
	uint64_t moduledata;
	uint64_t pclntab;	/* the pcHeader */
	uint64_t text, etext;	/* [text, etext) */
	uint64_t data, enddata; /* the smallest range over data, bss and their pointer-free parts */
	uint64_t n_funcs;
	uint64_t names; /* funcnametab */
	uint64_t names_bytes;
	uint64_t
		functab; /* {u32 entry - text, u32 offset of the _func from functab} x n_funcs, then a sentinel */
	uint32_t magic; /* 0xfffffff0: to Go 1.19, 0xfffffff1: from 1.20 */
};

enum {
	IMAGES_MAX = 8, /* a host with plugins has several; more are counted, not looked at */
};

/*
 * Scans the writable, file-backed regions for moduledata. Returns how many were found (at most @max are
 * stored), or -errno; -EFBIG where a program has more writable file data than any Go program needs.
 */
int go_image_find(const struct memory *m, struct go_image *ret, size_t max);

/* What `go version -m` would say. Empty strings where the image does not tell. */
struct go_buildinfo {
	char version[48];   /* "go1.22.12", or what a development build calls itself */
	char module[128];   /* module path, else the main package's path */
	char build_id[128]; /* of the Go linker (PT_NOTE "Go", type 4), with its four parts */
};

/* Looks in @image's own file regions. Returns 0 or -ENOENT where there is no build information. */
int go_buildinfo_read(const struct memory *m, const struct go_image *image,
		      struct go_buildinfo *ret);

/*
 * Is build information of Go 1.18 or later in @m's writable file mappings? It needs no relocation: it is there before a
 * loader has made the pointers of moduledata what they will be.
 */
bool go_buildinfo_marked(const struct memory *m);

/* Minor release of "go1.N..." anywhere in the text of @version, or -EINVAL. */
int go_version_minor(const char *version);
