/* Kafka: length-prefixed requests; the answer repeats the correlation id. */
#ifndef HOPSCOPE_KAFKA_H
#define HOPSCOPE_KAFKA_H

#include "messages.h"

#define KAFKA_SIZE_MAX (100 << 20) /* socket.request.max.bytes */
#define KAFKA_API_MAX 100
#define KAFKA_VERSION_MAX 20
#define KAFKA_CLIENT_ID_MAX 250

static __always_inline __u32 kafka_from_client(struct talk *t)
{
	const __u8 *b = t->head;
	__u32 size = be32(b), id;

	/* The largest size leaves the first byte under 7. */
	if (b[0] > 6)
		return NOTHING;
	if (t->have < 14)
		return MORE;
	if (size < 10 || size > KAFKA_SIZE_MAX || be16(b + 4) > KAFKA_API_MAX || be16(b + 6) > KAFKA_VERSION_MAX)
		return NOTHING;
	id = be16(b + 12);
	if (id == 0xffff || !id) {
		/* No client id to read: the length must be exact. */
		if (t->total < size + 4)
			return t->have < HEAD ? MORE : NOTHING;
		if (t->total != size + 4)
			return NOTHING;
	} else {
		if (id > KAFKA_CLIENT_ID_MAX || id + 10 > size)
			return NOTHING;
		if (t->have < 14 + id && t->have < HEAD)
			return MORE;
		if (text_end(t, 14) < 14 + id)
			return NOTHING;
	}
	t->mark = be32(b + 8);
	return KAFKA_REQUEST;
}

static __always_inline __u32 kafka_from_server(const struct talk *t)
{
	const __u8 *b = t->head;

	if (t->last != KAFKA_REQUEST || b[0] > 6)
		return NOTHING;
	if (t->have < 8)
		return MORE;
	return be32(b) >= 4 && be32(b) <= KAFKA_SIZE_MAX && be32(b + 4) == t->mark ? KAFKA_RESPONSE : NOTHING;
}

#endif
