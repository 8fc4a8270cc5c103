/* HTTP/2 (RFC 9113): preface and frames; and gRPC, which is HTTP/2 with a content type and a message framing. */
#ifndef HOPSCOPE_HTTP2_H
#define HOPSCOPE_HTTP2_H

#include "messages.h"

#define HTTP2_PREFACE_BYTES 24
#define HTTP2_FRAME_HEADER 9
#define HTTP2_FRAME_MAX 16384 /* without another SETTINGS_MAX_FRAME_SIZE */
#define HTTP2_WALK 8
#define GRPC_PREFIX 5

enum { HTTP2_DATA, HTTP2_HEADERS, HTTP2_SETTINGS_FRAME = 4, HTTP2_PING = 6, HTTP2_WINDOW_UPDATE = 8 };
enum { END_HEADERS = 4, PADDED = 8, PRIORITY = 32 };

/* What was seen of a connection that speaks HTTP/2, to tell gRPC; part of slot.protocol. */
enum {
	HTTP2_ASKED = 1 << 25, /* request headers */
	HTTP2_ANSWERED = 1 << 26,
	GRPC_ASKED = 1 << 27, /* a message with gRPC's prefix */
	GRPC_ANSWERED = 1 << 28,
	GRPC_NOT = 1 << 29, /* data behind headers without it */
	HTTP2_SEEN = HTTP2_ASKED | HTTP2_ANSWERED | GRPC_ASKED | GRPC_ANSWERED | GRPC_NOT,
};

static __always_inline int http2_preface(const __u8 *b)
{
	return word_at(b) == TEXT('P', 'R', 'I', ' ', '*', ' ', 'H', 'T') &&
	       word_at(b + 8) == TEXT('T', 'P', '/', '2', '.', '0', '\r', '\n') &&
	       word_at(b + 16) == TEXT('\r', '\n', 'S', 'M', '\r', '\n', '\r', '\n');
}

/* The first byte of a header block that starts with a pseudo-header (RFC 7541): indexed, literal, or a table size. */
static __always_inline int http2_block(__u8 first, int from_client)
{
	if (first >= 0x20 && first <= 0x3f)
		return 1;
	if (from_client)
		return (first >= 0x81 && first <= 0x87) || first >= 0xbe || (first >= 0x41 && first <= 0x47) ||
		       (first >= 0x01 && first <= 0x07);
	return (first >= 0x88 && first <= 0x8e) || first >= 0xbe || (first >= 0x48 && first <= 0x4e) || first == 0x08;
}

/* Of a connection seen from the middle on: headers of a stream, behind control frames of fixed size. */
static __always_inline int http2_headers(const struct talk *t, int from_client)
{
	__u32 at = 0;

	for (__u32 i = 0; i < 4; i++) {
		const __u8 *b = t->head + (at & (HEAD / 2 - 1));
		__u32 block = HTTP2_FRAME_HEADER;

		if (at + HTTP2_FRAME_HEADER + 6 > t->have || b[5] & 0x80 || be24(b) > HTTP2_FRAME_MAX)
			return 0;
		if ((b[3] == HTTP2_WINDOW_UPDATE && be24(b) == 4 && !b[4]) ||
		    (b[3] == HTTP2_PING && be24(b) == 8 && b[4] <= 1 && !be32(b + 5)) ||
		    (b[3] == HTTP2_SETTINGS_FRAME && !be24(b) && b[4] == 1 && !be32(b + 5))) {
			at += HTTP2_FRAME_HEADER + be24(b);
			continue;
		}
		if (b[3] != HTTP2_HEADERS || !(b[4] & END_HEADERS) || b[4] & ~(1 | END_HEADERS | PRIORITY) ||
		    !(b[8] & 1))
			return 0;
		if (b[4] & PRIORITY)
			block += 5;
		return http2_block(b[block], from_client);
	}
	return 0;
}

static __always_inline __u32 http2_from_client(struct talk *t)
{
	if (t->head[0] == 'P' && t->head[1] == 'R' && t->head[2] == 'I') {
		if (t->have < HTTP2_PREFACE_BYTES)
			return MORE;
		if (!http2_preface(t->head))
			return NOTHING;
		t->left[1] = HTTP2_PREFACE_BYTES;
		return HTTP2_PREFACE;
	}
	if (t->head[0] == 'P' && t->have < 3)
		return MORE;
	if (!t->older || t->head[0])
		return NOTHING;
	if (http2_headers(t, 1))
		return HTTP2_REQUEST;
	return t->have < HTTP2_FRAME_HEADER + 6 ? MORE : NOTHING;
}

static __always_inline __u32 http2_from_server(struct talk *t)
{
	const __u8 *b = t->head;

	if (b[0])
		return NOTHING;
	if (t->have < HTTP2_FRAME_HEADER)
		return MORE;
	if (b[3] == HTTP2_SETTINGS_FRAME && !b[4] && !be32(b + 5) && be24(b) <= 32 * 6 && be24(b) % 6 == 0) {
		if (!be24(b) && t->last != HTTP2_PREFACE && !t->first)
			return NOTHING;
		if (be24(b) && t->have < HTTP2_FRAME_HEADER + 2)
			return MORE;
		if (be24(b) && (be16(b + 9) < 1 || be16(b + 9) > 16))
			return NOTHING;
		return HTTP2_SETTINGS;
	}
	if (t->last != HTTP2_REQUEST)
		return NOTHING;
	if (http2_headers(t, 0))
		return HTTP2_RESPONSE;
	return t->have < HTTP2_FRAME_HEADER + 6 ? MORE : NOTHING;
}

/* 1 for 0, else 0, without a branch: the verifier would follow both ways at each byte of a message. */
static __always_inline __u64 is_zero(__u64 v)
{
	__u64 negative = -v;

	asm volatile("" : "+r"(negative));
	return ((v | negative) >> 63) ^ 1;
}

/* "application/grpc" as it stands or in HPACK's Huffman code, both on byte borders; not gRPC-Web, whose next is '-'.
 * Eight zeros must follow what is shown.
 */
static __always_inline __u32 grpc_content_type(const __u8 *bytes, __u32 shown)
{
	__u64 found = 0, w = word_at(bytes), next = word_at(bytes + 8), behind;

	for (__u32 i = 0; i < PEEK - 17; i++) {
		if (i + 11 > shown)
			break;
		behind = bytes[i + 16];
		/* 0x4d 0x65 0x64 and the beginning of a letter that is no '-' */
		found |= is_zero((w ^ TEXT(0x1d, 0x75, 0xd0, 0x62, 0x0d, 0x26, 0x3d, 0x4c)) |
				 ((next ^ 0x64654d) & 0xffffff)) &
			 ~is_zero((next >> 26 & 0x3f) ^ 0x16);
		found |= is_zero((w ^ TEXT('a', 'p', 'p', 'l', 'i', 'c', 'a', 't')) |
				 (next ^ TEXT('i', 'o', 'n', '/', 'g', 'r', 'p', 'c'))) &
			 ~is_zero(behind ^ '-');
		w = w >> 8 | next << 56;
		next = next >> 8 | behind << 56;
	}
	return found ? GRPC_ASKED | GRPC_ANSWERED : 0;
}

/* A data frame right behind its headers: one gRPC message, or the first part of one? */
static __always_inline __u32 grpc_data(const __u8 *frame, __u32 length, int behind_headers, int from_client)
{
	__u32 message = be32(frame + HTTP2_FRAME_HEADER + 1);

	if (length >= GRPC_PREFIX && frame[HTTP2_FRAME_HEADER] <= 1) {
		if (message == length - GRPC_PREFIX)
			return from_client ? GRPC_ASKED : GRPC_ANSWERED;
		if (message > length - GRPC_PREFIX && message < 1 << 26)
			return 0;
	}
	return behind_headers && length ? GRPC_NOT : 0;
}

/* Walks the frames of one piece; returns what they tell. Bytes beyond `shown` are not there to see. */
static __always_inline __u32 http2_watch(struct talk *t, const __u8 *bytes, __u32 shown, __u32 length)
{
	int from_client = t->from_client & 1, behind_headers = 0;
	__u32 at = from_client ? t->left[1] : t->left[0], seen = 0;

	for (__u32 i = 0; i < HTTP2_WALK && at < length; i++) {
		const __u8 *b;

		if (at + HTTP2_FRAME_HEADER > shown || at >= PEEK - HTTP2_FRAME_HEADER - GRPC_PREFIX) {
			at = LOST;
			break;
		}
		b = bytes + at;
		if (b[3] == HTTP2_HEADERS)
			seen |= from_client ? HTTP2_ASKED : HTTP2_ANSWERED;
		if (b[3] == HTTP2_DATA && at + HTTP2_FRAME_HEADER + GRPC_PREFIX <= shown)
			seen |= grpc_data(b, be24(b), behind_headers, from_client);
		behind_headers = b[3] == HTTP2_HEADERS;
		at += HTTP2_FRAME_HEADER + be24(b);
	}
	if (at != LOST)
		at = at < length ? LOST : at - length;
	if (from_client)
		t->left[1] = at;
	else
		t->left[0] = at;
	return seen;
}

#endif
