/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "gobin/profile_layout.h"
#include "gobin/symbols.h"

enum {
	/* struct _func of src/runtime/runtime2.go. */
	FUNC_NAME = 4,
	FUNC_PCFILE = 20,
	FUNC_PCLN = 24,
	FUNC_NPCDATA = 28,
	FUNC_UNIT = 32,
	FUNC_START_LINE = 36, /* from 1.20 */
	FUNC_BYTES_119 = 40,
	FUNC_BYTES =
		44, /* its last word is {u8 funcID, 2 x u8, u8 nfuncdata}; pcdata and funcdata follow */
	/* src/internal/abi/symtab.go, the same in all releases. */
	PCDATA_INLINE_INDEX = 2,
	FUNCDATA_INLINE_TREE = 3,
	FUNCDATA_NONE = -1,
	/*
	 * Pairs decoded for one address. A function of a million lines has a million; each inlined call begins anew, but
	 * what is that long (a generated init) inlines little.
	 */
	STEPS_MAX = 4 << 20,
};

struct go_symbols {
	struct go_module module;
	uint32_t steps;
	uint8_t wrapper_id;
	struct memory_pages pages;
};

/* What of a _func is needed to resolve addresses in it. */
struct func {
	uint64_t entry;
	uint32_t name, pcfile, pcln, unit, start_line;
	uint32_t inline_index; /* in pctab; 0: there is none */
	uint8_t id;
	bool has_tree;
	uint64_t tree; /* in funcdata */
};

/* A position in pctab, with what its page has left. */
struct stream {
	struct memory_pages *pages;
	uint64_t addr, end;
	const uint8_t *p;
	size_t left;
};

static int stream_byte(struct stream *st, uint8_t *ret)
{
	if (st->left == 0) {
		int r;

		if (st->addr >= st->end)
			return -EBADMSG;
		r = pages_get(st->pages, st->addr, &st->p, &st->left);
		if (r < 0)
			return r;
		st->left = MIN((uint64_t)st->left, st->end - st->addr);
		st->addr += st->left;
	}
	st->left--;
	*ret = *st->p++;
	return 0;
}

static int stream_varint(struct stream *st, uint32_t *ret)
{
	uint32_t v = 0;

	for (unsigned int shift = 0; shift < 35; shift += 7) {
		uint8_t b = 0;
		int r = stream_byte(st, &b);

		if (r < 0)
			return r;
		v |= (uint32_t)(b & 0x7f) << (shift & 31);
		if (!(b & 0x80)) {
			*ret = v;
			return 0;
		}
	}
	return -EBADMSG;
}

/*
 * The value that @table (an offset in pctab) has at @off bytes from the function's entry; -1 where it has none. As
 * runtime.pcvalue: signed differences of the value, each good up to the sum of the differences of the address.
 */
static int pc_value(struct go_symbols *s, uint32_t table, uint64_t off, int32_t *ret)
{
	const struct go_range *tab = &s->module.pctab;
	struct stream st = { .pages = &s->pages,
			     .addr = tab->start + table,
			     .end = tab->start + tab->bytes };
	uint32_t value = UINT32_MAX, delta = 0;
	uint64_t at = 0;

	*ret = -1;
	if (table == 0)
		return 0;
	for (bool first = true;; first = false) {
		int r = stream_varint(&st, &delta);

		if (r < 0)
			return r;
		if (delta == 0 && !first)
			return 0;
		value += delta & 1 ? ~(delta >> 1) : delta >> 1;
		r = stream_varint(&st, &delta);
		if (r < 0)
			return r;
		at += delta;
		if (off < at) {
			*ret = (int32_t)value;
			return 0;
		}
		if (++s->steps > STEPS_MAX)
			return -E2BIG;
	}
}

/* The index of the functab entry that holds @pc. The table is sorted, or else the answer is a wrong one. */
static int find_entry(struct go_symbols *s, uint64_t pc, uint64_t *ret_index)
{
	const struct go_module *m = &s->module;
	uint64_t lo = 0, hi = m->n_funcs;
	uint32_t entry = 0;
	int r;

	if (pc < m->text || pc >= m->etext)
		return GO_SYMBOL_NONE;
	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		r = go_range_u32(&s->pages, &m->funcs, 8 * mid, &entry);
		if (r < 0)
			return r;
		if (entry <= pc - m->text)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0)
		return GO_SYMBOL_NONE;
	r = go_range_u32(&s->pages, &m->funcs, 8 * m->n_funcs, &entry);
	if (r < 0)
		return r;
	*ret_index = lo - 1;
	return pc - m->text < entry ? 0 : GO_SYMBOL_NONE;
}

/* Which of the function's two arrays, pcdata and then funcdata, has a table and a tree of inlined calls. */
static int read_inlining(struct go_symbols *s, uint64_t at, uint32_t n_pcdata, struct func *f)
{
	const struct go_range *funcs = &s->module.funcs;
	const uint64_t arrays = at + (s->module.is_119 ? FUNC_BYTES_119 : FUNC_BYTES);
	uint32_t last = 0, tree = 0;
	int r = go_range_u32(&s->pages, funcs, arrays - sizeof(last), &last);

	f->id = (uint8_t)last;
	if (r < 0 || n_pcdata <= PCDATA_INLINE_INDEX || last >> 24 <= FUNCDATA_INLINE_TREE)
		return r;
	r = go_range_u32(&s->pages, funcs, arrays + UINT64_C(4) * PCDATA_INLINE_INDEX,
			 &f->inline_index);
	if (r < 0)
		return r;
	r = go_range_u32(&s->pages, funcs,
			 arrays + UINT64_C(4) * n_pcdata + UINT64_C(4) * FUNCDATA_INLINE_TREE,
			 &tree);
	f->has_tree = r == 0 && tree != (uint32_t)FUNCDATA_NONE;
	f->tree = tree;
	return r;
}

static int read_func(struct go_symbols *s, uint64_t index, struct func *ret)
{
	const struct go_range *funcs = &s->module.funcs;
	struct func f = { 0 };
	uint32_t at = 0, entry = 0, n_pcdata = 0;
	const struct {
		uint64_t off;
		uint32_t *ret;
	} fields[] = {
		{ 0, &entry },
		{ FUNC_NAME, &f.name },
		{ FUNC_PCFILE, &f.pcfile },
		{ FUNC_PCLN, &f.pcln },
		{ FUNC_NPCDATA, &n_pcdata },
		{ FUNC_UNIT, &f.unit },
		{ FUNC_START_LINE, &f.start_line },
	};
	int r = go_range_u32(&s->pages, funcs, 8 * index + 4, &at);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fields); i++)
		r = go_range_u32(&s->pages, funcs, at + fields[i].off, fields[i].ret);
	if (r == 0)
		r = read_inlining(s, at, n_pcdata, &f);
	if (r < 0)
		return r;
	if (s->module.is_119)
		f.start_line = 0;
	f.entry = s->module.text + entry;
	*ret = f;
	return 0;
}

static int find_func(struct go_symbols *s, uint64_t pc, struct func *ret)
{
	uint64_t index = 0;
	int r = find_entry(s, pc, &index);

	if (r == 0)
		r = read_func(s, index, ret);
	/* An entry behind the address: the table is not sorted. */
	return r == 0 && ret->entry > pc ? -EBADMSG : r;
}

static int read_text(struct go_symbols *s, const struct go_range *from, uint64_t off, char *buf,
		     struct go_frame *frame)
{
	bool cut = false;
	int r;

	if (off >= from->bytes)
		return -EBADMSG;
	r = pages_text(&s->pages, from->start + off, from->bytes - off, buf, GO_NAME_MAX, &cut);
	frame->cut |= cut;
	return r;
}

/* runtime.funcline1: the unit's list of files, and the line; "?" and 0 where a table ends before @off. */
static int read_file_line(struct go_symbols *s, const struct func *f, uint64_t off,
			  struct go_frame *frame)
{
	int32_t file = -1, line = -1;
	uint32_t at = UINT32_MAX;
	int r = pc_value(s, f->pcfile, off, &file);

	if (r == 0)
		r = pc_value(s, f->pcln, off, &line);
	if (r < 0)
		return r;
	memcpy(frame->file, "?", 2);
	frame->line = 0;
	if (file < 0 || line < 0)
		return 0;
	r = go_range_u32(&s->pages, &s->module.units,
			 UINT64_C(4) * ((uint64_t)f->unit + (uint32_t)file), &at);
	/* The linker leaves out a file that no function is of. */
	if (r < 0 || at == UINT32_MAX)
		return r;
	frame->line = (uint32_t)line;
	return read_text(s, &s->module.files, at, frame->file, frame);
}

/* One record of the inline tree: the callee's name, and where in the function its call stood. */
struct inlined_call {
	uint32_t name, parent_pc, start_line;
	uint8_t id;
};

static int read_inlined(struct go_symbols *s, const struct func *f, int32_t index,
			struct inlined_call *ret)
{
	/* {i16 parent, u8 id, u8, i32 file, line, name, parentPc} to 1.19, then {u8 id, 3 x u8, i32 name, parentPc, startLine}. */
	const bool old = s->module.is_119;
	const uint64_t at = f->tree + (uint64_t)(uint32_t)index * (old ? 20 : 16);
	const struct go_range *from = &s->module.funcdata;
	uint32_t first = 0;
	int r = go_range_u32(&s->pages, from, at, &first);

	ret->id = (uint8_t)(old ? first >> 16 : first);
	if (r == 0)
		r = go_range_u32(&s->pages, from, at + (old ? 12 : 4), &ret->name);

	if (r == 0)
		r = go_range_u32(&s->pages, from, at + (old ? 16 : 8), &ret->parent_pc);
	ret->start_line = 0;
	if (r == 0 && !old)
		r = go_range_u32(&s->pages, from, at + 12, &ret->start_line);
	return r;
}

/* The innermost call at *off, which is then moved to where that call stands in its caller. */
static int read_frame(struct go_symbols *s, const struct func *f, uint64_t *off,
		      struct go_frame *frame)
{
	struct inlined_call call = { .name = f->name, .start_line = f->start_line, .id = f->id };
	int32_t index = -1;
	int r = read_file_line(s, f, *off, frame);

	frame->entry = f->entry;
	if (r == 0 && f->has_tree)
		r = pc_value(s, f->inline_index, *off, &index);
	if (r == 0 && index >= 0)
		r = read_inlined(s, f, index, &call);
	if (r < 0)
		return r;
	frame->inlined = index >= 0;
	frame->wrapper = call.id == s->wrapper_id;
	frame->start_line = call.start_line;
	*off = call.parent_pc;
	return read_text(s, &s->module.names, call.name, frame->function, frame);
}

int go_symbols_frames(struct go_symbols *s, uint64_t pc, uint32_t flags, struct go_frame *ret,
		      size_t max, size_t *ret_n)
{
	struct func f;
	uint64_t off;
	size_t n = 0;
	int r = find_func(s, pc, &f);

	if (r)
		return r;
	s->steps = 0;
	off = pc - f.entry;
	/* runtime.CallersFrames does the same: at the entry itself nothing can have been called. */
	if ((flags & SYMBOLS_RETURN) && off > 0)
		off--;
	do {
		ret[n] = (struct go_frame){ 0 };
		r = read_frame(s, &f, &off, &ret[n]);
		if (r < 0)
			return r;
		n++;
	} while (ret[n - 1].inlined && n < MIN(max, (size_t)GO_FRAMES_MAX) &&
		 !(flags & SYMBOLS_INNERMOST));
	*ret_n = n;
	return 0;
}

int go_symbols_function(struct go_symbols *s, uint64_t pc, struct go_frame *ret)
{
	struct func f;
	int r = find_func(s, pc, &f);

	if (r)
		return r;
	s->steps = 0;
	*ret = (struct go_frame){ .entry = f.entry, .start_line = f.start_line };
	r = read_file_line(s, &f, 0, ret);
	return r < 0 ? r : read_text(s, &s->module.names, f.name, ret->function, ret);
}

void go_symbols_fold_type_arguments(char *function)
{
	static const char folded[] = "[...]";
	char *open = strchr(function, '['), *close = strrchr(function, ']');

	if (!open || !close || close < open || (size_t)(close - open) + 1 < sizeof(folded) - 1)
		return;
	memcpy(open, folded, sizeof(folded) - 1);
	memmove(open + sizeof(folded) - 1, close + 1, strlen(close + 1) + 1);
}

int go_symbols_new(const struct memory *m, const struct go_runtime *rt, struct go_symbols **ret)
{
	_cleanup_(go_symbols_freep) struct go_symbols *s = calloc(1, sizeof(*s));
	const struct go_profile_layout *layout = go_profile_layout_of(rt->minor);
	int r;

	if (!s)
		return -ENOMEM;
	s->pages.memory = m;
	s->wrapper_id = layout ? layout->wrapper_id : UINT8_MAX;
	r = go_module_read(m, rt, &s->module);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

struct go_symbols *go_symbols_free(struct go_symbols *s)
{
	free(s);
	return NULL;
}

const struct go_module *go_symbols_module(const struct go_symbols *s)
{
	return &s->module;
}

struct memory_pages *go_symbols_pages(struct go_symbols *s)
{
	return &s->pages;
}
