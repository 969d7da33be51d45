/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "base/util.h"
#include "cli/escape_index.h"
#include "cli/look.h"
#include "cli/output.h"
#include "wire/json.h"

#define FILE_BYTES_MAX (8 * GIB)
#define PIPE_BYTES_MAX GIB

/* What comes from a pipe, as from an endpoint by curl, is read before it is looked at. */
static int read_pipe(const char *path, struct mapped_file *ret)
{
	char *text = NULL;
	size_t len = 0;
	int r = fd_read_alloc(AT_FDCWD, path, PIPE_BYTES_MAX, &text, &len);

	if (r < 0)
		return escape_unusable(path, strerror(-r));
	if (len == 0) {
		free(text);
		return escape_unusable(path, "is empty");
	}
	ret->bytes = span_of(text, len);
	ret->was_read = true;
	return EXIT_DONE;
}

int mapped_file_open(const char *path, struct mapped_file *ret)
{
	_cleanup_(closep) int fd = -1;
	struct stat st;
	void *p;

	*ret = (struct mapped_file){ 0 };
	if (stat(path, &st) == 0 && S_ISFIFO(st.st_mode))
		return read_pipe(path, ret);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return escape_unusable(path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size == 0 || (uint64_t)st.st_size > FILE_BYTES_MAX)
		return escape_unusable(path, "is no file that could be read, or empty");
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return escape_unusable(path, strerror(errno));
	ret->bytes = span_of(p, (size_t)st.st_size);
	return EXIT_DONE;
}

void mapped_file_close(struct mapped_file *f)
{
	if (f->was_read)
		free((void *)(uintptr_t)f->bytes.p);
	else if (f->bytes.p)
		munmap((void *)(uintptr_t)f->bytes.p, f->bytes.len);
	*f = (struct mapped_file){ 0 };
}

int escape_read_binary(const char *path, struct go_binary *ret)
{
	struct mapped_file file;
	int r = mapped_file_open(path, &file);

	if (r != EXIT_DONE)
		return r;
	r = go_binary_read(file.bytes, ret);
	mapped_file_close(&file);
	if (r == -ENOEXEC)
		return escape_unusable(path, "is no executable file of x86-64");
	if (r == -ENOENT)
		return escape_unusable(path, "is no Go program, or has lost its table of sections");
	return r < 0 ? escape_unusable(path, "is damaged") : EXIT_DONE;
}

/* The directory that relative names of the report are below: as an absolute path, or "". */
static int build_directory(const struct options *o, char buf[PATH_MAX])
{
	buf[0] = '\0';
	if (!o->dir || realpath(o->dir, buf))
		return EXIT_DONE;
	return escape_unusable(o->dir, strerror(errno));
}

static void fill_origin(const struct go_binary *binary, const struct escape_report *report,
			struct escape_origin *ret)
{
	const struct escape_stats *stats = escape_report_stats(report);

	*ret = (struct escape_origin){ .made_with_l = escape_stats_made_with_l(stats),
				       .detailed = stats->detailed };
	text_copy(ret->go_version, sizeof(ret->go_version), stats->go_version);
	if (!binary)
		return;
	text_copy(ret->build_id, sizeof(ret->build_id), binary->build.build_id);
	text_copy(ret->go_version, sizeof(ret->go_version), binary->build.version);
	memcpy(ret->digest, binary->digest, sizeof(ret->digest));
}

int escape_index_collect(const struct options *o, const char *path, struct escape_collected *ret)
{
	_cleanup_(escape_index_freep) struct escape_index_builder *builder = NULL;
	char directory[PATH_MAX];
	int r = build_directory(o, directory);

	if (r != EXIT_DONE)
		return r;
	if (escape_index_new(directory, &builder) < 0)
		return escape_unusable(path, strerror(ENOMEM));
	r = escape_read(path, escape_index_add, builder, &ret->report);
	if (r != EXIT_DONE)
		return r;
	escape_warn(path, ret->report);
	ret->builder = TAKE_PTR(builder);
	return EXIT_DONE;
}

void escape_collected_done(struct escape_collected *c)
{
	escape_index_free(c->builder);
	escape_report_free(c->report);
	*c = (struct escape_collected){ 0 };
}

int escape_index_make(struct escape_collected *c, const struct go_binary *binary,
		      struct escape_indexed *ret)
{
	struct escape_origin origin;

	fill_origin(binary, c->report, &origin);
	if (escape_index_finish(c->builder, &origin, &ret->made, &ret->made_bytes) < 0 ||
	    escape_index_open(span_of(ret->made, ret->made_bytes), &ret->index) < 0) {
		fprintf(stderr, "gomemctl: %s\n", strerror(ENOMEM));
		return EXIT_REFUSED;
	}
	return EXIT_DONE;
}

static int make_index(const struct options *o, const char *path, const struct go_binary *binary,
		      struct escape_indexed *ret)
{
	_cleanup_(escape_collected_done) struct escape_collected c = { 0 };
	int r = escape_index_collect(o, path, &c);

	return r == EXIT_DONE ? escape_index_make(&c, binary, ret) : r;
}

static int open_index(const char *path, const struct go_binary *binary, struct escape_indexed *ret)
{
	if (escape_index_open(ret->file.bytes, &ret->index) < 0)
		return escape_unusable(path, "is a damaged index; import its report again");
	if (binary && memcmp(binary->digest, ret->index.origin->digest, GO_DIGEST_BYTES) != 0)
		return escape_unusable(path,
				       "report does not match: it was imported for another build");
	return EXIT_DONE;
}

int escape_index_read(const struct options *o, const char *path, const struct go_binary *binary,
		      struct escape_indexed *ret)
{
	struct stat st;
	int r;

	*ret = (struct escape_indexed){ 0 };
	/* A pipe, or a directory of -json, cannot be an index. */
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return make_index(o, path, binary, ret);
	r = mapped_file_open(path, &ret->file);
	if (r != EXIT_DONE)
		return r;
	return escape_index_is(&ret->file.bytes) ? open_index(path, binary, ret) :
						   make_index(o, path, binary, ret);
}

void escape_indexed_done(struct escape_indexed *i)
{
	mapped_file_close(&i->file);
	free(i->made);
	*i = (struct escape_indexed){ 0 };
}

static void digest_text(const uint8_t *digest, char buf[2 * GO_DIGEST_BYTES + 1])
{
	for (size_t i = 0; i < GO_DIGEST_BYTES; i++)
		snprintf(buf + 2 * i, 3, "%02x", digest[i]);
}

static void print_imported(const struct options *o, const char *path,
			   const struct escape_indexed *indexed)
{
	const struct escape_index *index = &indexed->index;
	char digest[2 * GO_DIGEST_BYTES + 1], name[512], build_id[4 * INDEX_BUILD_ID_MAX];
	json_object *a;

	digest_text(index->origin->digest, digest);
	if (!o->json) {
		text_escape(name, sizeof(name), path);
		text_escape(build_id, sizeof(build_id), index->origin->build_id);
		printf("%s: %u sites in %u files, for build %s\n", name, index->n_entries,
		       index->n_files, build_id);
		return;
	}
	a = json_object_new_object();
	json_put_u64(a, "schema", 1);
	json_object_object_add(a, "index", json_escaped(path));
	json_object_object_add(a, "build_id", json_escaped(index->origin->build_id));
	json_put_text(a, "digest", digest);
	json_object_object_add(a, "go_version", json_escaped(index->origin->go_version));
	json_put_u64(a, "files", index->n_files);
	json_put_u64(a, "sites", index->n_entries);
	json_put_u64(a, "index_bytes", indexed->made_bytes);
	print_json(a);
	json_object_put(a);
}

int escape_index_put(const struct options *o, const struct go_binary *binary,
		     const struct escape_indexed *indexed)
{
	char path[PATH_MAX];
	int r;

	if (!o->output && escape_index_path(binary->build.build_id, path, sizeof(path)) < 0)
		return escape_unusable(
			"the program",
			"has no build id that a file could be named after; --output FILE");
	if (o->output && !text_copy(path, sizeof(path), o->output))
		return escape_unusable(o->output, strerror(ENAMETOOLONG));
	if (!o->output && mkdir(ESCAPE_INDEX_DIRECTORY, 0755) < 0 && errno != EEXIST)
		return escape_unusable(ESCAPE_INDEX_DIRECTORY,
				       "cannot be made; is gomemd installed? else --output FILE");
	/* Whoever has the old one mapped keeps it. */
	r = output_write(path, indexed->made, indexed->made_bytes, 0600);
	if (r < 0) {
		escape_unusable(path, strerror(-r));
		return EXIT_REFUSED;
	}
	print_imported(o, path, indexed);
	return EXIT_DONE;
}

static int import_report(const struct options *o, const struct go_binary *binary,
			 const char *report)
{
	_cleanup_(escape_indexed_done) struct escape_indexed indexed = { 0 };
	int r = escape_index_read(o, report, binary, &indexed);

	if (r != EXIT_DONE)
		return r;
	if (!indexed.made)
		return escape_unusable(report, "is an index already; import the compiler's report");
	return escape_index_put(o, binary, &indexed);
}

int escape_import_verb(const struct options *o)
{
	struct go_binary binary;
	int r;

	if (!o->binary) {
		fprintf(stderr,
			"gomemctl: of which program is the report? escape import --binary FILE REPORT\n");
		return EXIT_UNUSABLE;
	}
	r = escape_read_binary(o->binary, &binary);
	return r == EXIT_DONE ? import_report(o, &binary, o->operands[1]) : r;
}
