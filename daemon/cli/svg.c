/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/svg.h"

static const char *const anchors[] = {
	[SVG_START] = "start",
	[SVG_MIDDLE] = "middle",
	[SVG_END] = "end",
};

void svg_begin(FILE *f, int width, int height)
{
	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"viewBox=\"0 0 %d %d\" font-family=\"DejaVu Sans, Helvetica, Arial, sans-serif\">\n",
		width, height, width, height);
	svg_rect(f, 0, 0, width, height, "#ffffff");
}

void svg_end(FILE *f)
{
	fputs("</svg>\n", f);
}

/* What is neither ASCII nor printable has no place in a label. */
static void put_escaped(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			fputs("&amp;", f);
		else if (*text == '<')
			fputs("&lt;", f);
		else if (*text == '>')
			fputs("&gt;", f);
		else
			fputc(*text >= ' ' && *text <= '~' ? *text : '?', f);
	}
}

void svg_text(FILE *f, double x, double y, enum svg_anchor anchor, int size, const char *text)
{
	fprintf(f,
		"<text x=\"%.1f\" y=\"%.1f\" font-size=\"%d\" text-anchor=\"%s\" fill=\"#222222\">",
		x, y, size, anchors[anchor]);
	put_escaped(f, text);
	fputs("</text>\n", f);
}

void svg_rect(FILE *f, double x, double y, double width, double height, const char *fill)
{
	fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n", x,
		y, width, height, fill);
}

static void put_dash(FILE *f, const char *dash)
{
	if (dash)
		fprintf(f, " stroke-dasharray=\"%s\"", dash);
	fputs("/>\n", f);
}

void svg_line(FILE *f, double x1, double y1, double x2, double y2, const char *stroke,
	      const char *dash)
{
	fprintf(f, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"", x1, y1,
		x2, y2, stroke);
	put_dash(f, dash);
}

void svg_path_begin(FILE *f)
{
	fputs("<path d=\"", f);
}

void svg_path_to(FILE *f, double x, double y, bool first)
{
	fprintf(f, "%c%.1f %.1f", first ? 'M' : 'L', x, y);
}

void svg_path_end(FILE *f, const char *stroke, double width, const char *fill, const char *dash)
{
	fprintf(f, "\" stroke=\"%s\" stroke-width=\"%.1f\" fill=\"%s\"", stroke, width, fill);
	put_dash(f, dash);
}
