/* MongoDB's wire protocol: little-endian lengths; the answer names the request it answers. */
#ifndef HOPSCOPE_MONGODB_H
#define HOPSCOPE_MONGODB_H

#include "messages.h"

#define MONGODB_SIZE_MAX 48000000
#define MONGODB_FLAGS 0x10003 /* checksumPresent, moreToCome, exhaustAllowed */

enum { OP_REPLY = 1, OP_QUERY = 2004, OP_COMPRESSED = 2012, OP_MSG = 2013 };

static __always_inline __u32 mongodb_from_client(struct talk *t)
{
	const __u8 *b = t->head;
	__u32 opcode = le32(b + 12), fits;

	/* The largest size leaves the fourth byte under 3; responseTo of a request is 0. */
	if (t->have >= 4 && (b[3] > 2 || le32(b) < 21 || le32(b) > MONGODB_SIZE_MAX))
		return NOTHING;
	if (t->have < 21)
		return MORE;
	if (le32(b + 8))
		return NOTHING;
	if (opcode == OP_MSG)
		fits = !(le32(b + 16) & ~MONGODB_FLAGS) && b[20] <= 1;
	else if (opcode == OP_COMPRESSED)
		fits = le32(b + 16) == OP_MSG || le32(b + 16) == OP_QUERY;
	else
		fits = opcode == OP_QUERY && is_letter(b[20]);
	if (!fits)
		return NOTHING;
	t->mark = le32(b + 4);
	return MONGODB_REQUEST;
}

static __always_inline __u32 mongodb_from_server(const struct talk *t)
{
	const __u8 *b = t->head;
	__u32 opcode = le32(b + 12);

	if (t->last != MONGODB_REQUEST || (t->have >= 4 && b[3] > 2))
		return NOTHING;
	if (t->have < 16)
		return MORE;
	if (le32(b) < 16 || le32(b) > MONGODB_SIZE_MAX || le32(b + 8) != t->mark)
		return NOTHING;
	return opcode == OP_REPLY || opcode == OP_MSG || opcode == OP_COMPRESSED ? MONGODB_REPLY : NOTHING;
}

#endif
