/* PostgreSQL: startup packets, which may ask for TLS first, then typed messages with a length. */
#ifndef HOPSCOPE_POSTGRESQL_H
#define HOPSCOPE_POSTGRESQL_H

#include "messages.h"

#define SSL_REQUEST 80877103
#define GSSENC_REQUEST 80877104
#define PROTOCOL_3_0 196608
#define PROTOCOL_3_2 196610
#define STARTUP_MAX 10000
#define POSTGRESQL_WALK 4

static __always_inline int postgresql_type(__u8 type, int from_client)
{
	switch (type) {
	case 'C':
	case 'D':
	case 'E':
	case 'S':
		return 1;
	case 'B':
	case 'H':
	case 'P':
	case 'Q':
		return from_client;
	case '1':
	case '2':
	case '3':
	case 'I':
	case 'N':
	case 'T':
	case 'Z':
	case 'n':
	case 's':
	case 't':
		return !from_client;
	default:
		return 0;
	}
}

/* Of a connection seen from the middle on: messages that follow each other, or one that fills all. */
static __always_inline int postgresql_walk(struct talk *t, int from_client)
{
	__u32 at = 0, seen = 0;

	for (__u32 i = 0; i < POSTGRESQL_WALK; i++) {
		const __u8 *b = t->head + IN_HEAD(at);

		if (at >= HEAD - 5 || at + 5 > t->have)
			break;
		if (!postgresql_type(b[0], from_client) || be32(b + 1) < 4 || be32(b + 1) > 1 << 20)
			return 0;
		seen++;
		at += 1 + be32(b + 1);
	}
	return seen > 1 || (seen && at == t->total);
}

static __always_inline __u32 postgresql_from_client(struct talk *t)
{
	const __u8 *b = t->head;
	__u32 size = be32(b), code = be32(b + 4);

	if (!b[0]) {
		if (t->have < 8)
			return b[1] ? NOTHING : MORE;
		if ((code == SSL_REQUEST || code == GSSENC_REQUEST) && size == 8 && t->total == 8)
			return POSTGRESQL_SECURE;
		if (code < PROTOCOL_3_0 || code > PROTOCOL_3_2 || size < 9 || size > STARTUP_MAX || t->total > size)
			return NOTHING;
		if (t->have < 9)
			return MORE;
		return b[8] >= 'a' && b[8] <= 'z' ? POSTGRESQL_STARTUP : NOTHING;
	}
	if (!t->older || (b[0] != 'Q' && b[0] != 'P' && b[0] != 'B'))
		return NOTHING;
	if (postgresql_walk(t, 1))
		return POSTGRESQL_QUERY;
	return t->have < HEAD ? MORE : NOTHING;
}

static __always_inline __u32 postgresql_from_server(struct talk *t)
{
	const __u8 *b = t->head;
	__u32 size = be32(b + 1), code = be32(b + 5);

	if (t->last == POSTGRESQL_SECURE && t->total == 1)
		return b[0] == 'S' ? POSTGRESQL_WILLING : b[0] == 'N' ? POSTGRESQL_UNWILLING : NOTHING;
	if (t->last == POSTGRESQL_STARTUP) {
		if (b[0] != 'R' && b[0] != 'E' && b[0] != 'v')
			return NOTHING;
		if (t->have < 9)
			return MORE;
		if (b[0] == 'R')
			return code <= 12 && size >= 8 && size <= STARTUP_MAX ? POSTGRESQL_AUTHENTICATION : NOTHING;
		if (b[0] == 'v')
			return code >> 16 == 3 || code <= 2 ? POSTGRESQL_AUTHENTICATION : NOTHING;
		return b[5] == 'S' && b[6] >= 'A' && b[6] <= 'Z' && size <= STARTUP_MAX ? POSTGRESQL_AUTHENTICATION
											: NOTHING;
	}
	if (t->last != POSTGRESQL_QUERY || !postgresql_type(b[0], 0))
		return NOTHING;
	if (postgresql_walk(t, 0))
		return POSTGRESQL_RESULT;
	return t->have < HEAD ? MORE : NOTHING;
}

#endif
