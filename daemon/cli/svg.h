/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Shapes of an SVG file, written one by one into a stream. Coordinates are in pixels. */
enum svg_anchor {
	SVG_START,
	SVG_MIDDLE,
	SVG_END,
};

void svg_begin(FILE *f, int width, int height);
void svg_end(FILE *f);

/* @text is anybody's: it is escaped. */
void svg_text(FILE *f, double x, double y, enum svg_anchor anchor, int size, const char *text);
void svg_rect(FILE *f, double x, double y, double width, double height, const char *fill);
/* @dash: as stroke-dasharray has it, NULL for a solid line. */
void svg_line(FILE *f, double x1, double y1, double x2, double y2, const char *stroke,
	      const char *dash);

/* A path of many points: begin, points, end. */
void svg_path_begin(FILE *f);
void svg_path_to(FILE *f, double x, double y, bool first);
void svg_path_end(FILE *f, const char *stroke, double width, const char *fill, const char *dash);
