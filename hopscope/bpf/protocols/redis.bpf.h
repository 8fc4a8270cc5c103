/* Redis: RESP2 and RESP3, and the inline commands that people and health checks type. */
#ifndef HOPSCOPE_REDIS_H
#define HOPSCOPE_REDIS_H

#include "messages.h"

#define REDIS_DIGITS 9

/* Where the CR after the digits from `at` on stands (a minus may lead); 0: no number, HEAD: not seen yet. */
static __always_inline __u32 redis_number(struct talk *t, __u32 at)
{
	for (__u32 i = 0; i < REDIS_DIGITS + 1; i++) {
		__u8 c = t->head[IN_HEAD(at + i)];

		if (is_digit(c) || (c == '-' && !i))
			continue;
		if (c == '\r')
			return i ? found_at(t, at + i) : 0;
		return !c && at + i >= t->have ? HEAD : 0;
	}
	return 0;
}

/* Commands that no other line protocol which answers with + - : $ or * also has. */
static __always_inline int redis_inline(const struct talk *t)
{
	__u64 w = word_at(t->head) | TEXT(32, 32, 32, 32, 32, 32, 32, 0);
	__u64 end = w >> 32 & 0xff;

	if ((w & FIRST(4)) == TEXT('p', 'i', 'n', 'g', 0, 0, 0, 0) ||
	    (w & FIRST(4)) == TEXT('i', 'n', 'f', 'o', 0, 0, 0, 0) ||
	    (w & FIRST(4)) == TEXT('i', 'n', 'c', 'r', 0, 0, 0, 0))
		return end == ' ' || end == ('\r' | 32) || end == ('\n' | 32);
	return (w & FIRST(4)) == TEXT('g', 'e', 't', ' ', 0, 0, 0, 0) ||
	       (w & FIRST(4)) == TEXT('s', 'e', 't', ' ', 0, 0, 0, 0) ||
	       (w & FIRST(4)) == TEXT('d', 'e', 'l', ' ', 0, 0, 0, 0) ||
	       (w & FIRST(7)) == TEXT('e', 'x', 'i', 's', 't', 's', ' ', 0);
}

static __always_inline __u32 redis_from_client(struct talk *t)
{
	__u32 at, end;

	if (t->head[0] == '*') {
		at = redis_number(t, 1);
		if (at >= HEAD || at + 2 >= t->have)
			return at && t->have < HEAD ? MORE : NOTHING;
		if (!at || t->head[IN_HEAD(at + 1)] != '\n' || t->head[IN_HEAD(at + 2)] != '$' || t->head[1] == '-')
			return NOTHING;
		end = redis_number(t, at + 3);
		if (end >= HEAD || end + 2 >= t->have)
			return end && t->have < HEAD ? MORE : NOTHING;
		return end && is_letter(t->head[IN_HEAD(end + 2)]) ? REDIS_COMMAND : NOTHING;
	}
	if (!is_letter(t->head[0]))
		return NOTHING;
	if (t->have < 8 && t->head[IN_HEAD(t->have - 1)] != '\n')
		return MORE;
	if (!redis_inline(t))
		return NOTHING;
	end = text_end(t, 0);
	if (end == HEAD)
		return t->have < HEAD ? MORE : NOTHING;
	return t->total > end + 2 ? NOTHING : REDIS_COMMAND;
}

static __always_inline __u32 redis_from_server(struct talk *t)
{
	__u8 c = t->head[0], next = t->head[1];
	__u32 at;

	switch (c) {
	case '+':
	case '-':
		if (t->have < 3)
			return MORE;
		if (c == '+' ? !is_letter(next) : next < 'A' || next > 'Z')
			return NOTHING;
		at = text_end(t, 0);
		if (at == HEAD)
			return t->have < HEAD ? MORE : c == '-' ? REDIS_REPLY : NOTHING;
		return t->head[IN_HEAD(at)] == '\r' ? REDIS_REPLY : NOTHING;
	case ':':
	case '$':
	case '*':
	case '%':
	case '~':
	case '>':
	case '|':
	case '=':
	case '!':
	case '(':
		at = redis_number(t, 1);
		if (at == HEAD)
			return t->have < HEAD ? MORE : NOTHING;
		return at ? REDIS_REPLY : NOTHING;
	case '_':
		return t->have < 2 ? MORE : next == '\r' ? REDIS_REPLY : NOTHING;
	case '#':
		return t->have < 3 ? MORE : (next == 't' || next == 'f') && t->head[2] == '\r' ? REDIS_REPLY : NOTHING;
	case ',':
		return t->have < 2						     ? MORE
		       : is_digit(next) || next == '-' || next == 'i' || next == 'n' ? REDIS_REPLY
										     : NOTHING;
	default:
		return NOTHING;
	}
}

#endif
