/* HTTP/1 (RFC 9112): request line and status line. */
#ifndef HOPSCOPE_HTTP_H
#define HOPSCOPE_HTTP_H

#include "messages.h"

static __always_inline int http_method(__u64 w)
{
	return (w & FIRST(4)) == TEXT('G', 'E', 'T', ' ', 0, 0, 0, 0) ||
	       (w & FIRST(5)) == TEXT('H', 'E', 'A', 'D', ' ', 0, 0, 0) ||
	       (w & FIRST(5)) == TEXT('P', 'O', 'S', 'T', ' ', 0, 0, 0) ||
	       (w & FIRST(4)) == TEXT('P', 'U', 'T', ' ', 0, 0, 0, 0) ||
	       (w & FIRST(7)) == TEXT('D', 'E', 'L', 'E', 'T', 'E', ' ', 0) ||
	       w == TEXT('O', 'P', 'T', 'I', 'O', 'N', 'S', ' ') || w == TEXT('C', 'O', 'N', 'N', 'E', 'C', 'T', ' ') ||
	       (w & FIRST(6)) == TEXT('P', 'A', 'T', 'C', 'H', ' ', 0, 0) ||
	       (w & FIRST(6)) == TEXT('T', 'R', 'A', 'C', 'E', ' ', 0, 0) ||
	       w == TEXT('P', 'R', 'O', 'P', 'F', 'I', 'N', 'D') || w == TEXT('P', 'R', 'O', 'P', 'P', 'A', 'T', 'C') ||
	       (w & FIRST(6)) == TEXT('M', 'K', 'C', 'O', 'L', ' ', 0, 0) ||
	       (w & FIRST(5)) == TEXT('C', 'O', 'P', 'Y', ' ', 0, 0, 0) ||
	       (w & FIRST(5)) == TEXT('M', 'O', 'V', 'E', ' ', 0, 0, 0) ||
	       (w & FIRST(5)) == TEXT('L', 'O', 'C', 'K', ' ', 0, 0, 0) ||
	       (w & FIRST(7)) == TEXT('U', 'N', 'L', 'O', 'C', 'K', ' ', 0) ||
	       (w & FIRST(7)) == TEXT('R', 'E', 'P', 'O', 'R', 'T', ' ', 0) ||
	       (w & FIRST(6)) == TEXT('P', 'U', 'R', 'G', 'E', ' ', 0, 0);
}

/* " HTTP/1.0" or " HTTP/1.1" right before `end`. */
static __always_inline int http_version_before(const struct talk *t, __u32 end)
{
	const __u8 *b = t->head;

	if (end < 9 || end >= HEAD)
		return 0;
	return b[IN_HEAD(end - 9)] == ' ' && b[IN_HEAD(end - 8)] == 'H' && b[IN_HEAD(end - 7)] == 'T' &&
	       b[IN_HEAD(end - 6)] == 'T' && b[IN_HEAD(end - 5)] == 'P' && b[IN_HEAD(end - 4)] == '/' &&
	       b[IN_HEAD(end - 3)] == '1' && b[IN_HEAD(end - 2)] == '.';
}

/* The line is seen to its end, or to the end of the head: a long target. */
static __always_inline __u32 http_from_client(struct talk *t)
{
	__u32 end;

	if (t->head[0] < 'A' || t->head[0] > 'Z')
		return NOTHING;
	if (t->have < 8)
		return MORE;
	if (!http_method(word_at(t->head)))
		return NOTHING;
	end = text_end(t, 0);
	if (end == HEAD)
		return t->have < HEAD ? MORE : HTTP_REQUEST;
	return http_version_before(t, end) ? HTTP_REQUEST : NOTHING;
}

static __always_inline __u32 http_from_server(const struct talk *t)
{
	const __u8 *b = t->head;

	if (b[0] != 'H')
		return NOTHING;
	if (t->have < 13)
		return MORE;
	if ((word_at(b) & FIRST(7)) != TEXT('H', 'T', 'T', 'P', '/', '1', '.', 0) || (b[7] != '0' && b[7] != '1') ||
	    b[8] != ' ' || b[9] < '1' || b[9] > '5' || !is_digit(b[10]) || !is_digit(b[11]) ||
	    (b[12] != ' ' && b[12] != '\r'))
		return NOTHING;
	return b[9] == '1' && b[10] == '0' && b[11] == '1' ? HTTP_SWITCH : HTTP_RESPONSE;
}

#endif
