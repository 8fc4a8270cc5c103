/* The protocol of a connection from the first bytes of its messages. A label needs two consistent messages, one of each
 * end, and does not change once it stands. Pure: the same code runs in the kernel and in the tests.
 */
#ifndef HOPSCOPE_PROTOCOLS_BPF_H
#define HOPSCOPE_PROTOCOLS_BPF_H

#include "protocols/http.bpf.h"
#include "protocols/http2.bpf.h"
#include "protocols/kafka.bpf.h"
#include "protocols/mongodb.bpf.h"
#include "protocols/mysql.bpf.h"
#include "protocols/postgresql.bpf.h"
#include "protocols/redis.bpf.h"
#include "protocols/tls.bpf.h"

enum protocol {
	PROTOCOL_UNKNOWN,
	PROTOCOL_HTTP,
	PROTOCOL_HTTP2,
	PROTOCOL_GRPC,
	PROTOCOL_MYSQL,
	PROTOCOL_POSTGRESQL,
	PROTOCOL_REDIS,
	PROTOCOL_KAFKA,
	PROTOCOL_MONGODB,
	PROTOCOL_TLS, /* and nothing known inside it */
};

/* slot.protocol: the protocol in bits 0-7, messages looked at in 8-15, the last message that counts in 16-23, these,
 * and what http2.bpf.h keeps.
 */
enum protocol_state {
	PROTOCOL_MASK = 0xff,
	PROTOCOL_SECURE = 1 << 24, /* a TLS handshake was seen */
	PROTOCOL_LIKELY = 1 << 30, /* two consistent messages, and the next ones may say more */
};
#define PROTOCOL_DECIDED_BIT (1U << 31)
#define PROTOCOL_DECIDED(state) ((state) >> 31)
#define PROTOCOL_LAST(state) ((state) >> 16 & 0xff)

/* After so many messages, or pieces of them, what is not known stays unknown. */
#define PROTOCOL_MESSAGES 16
#define PROTOCOL_LOOKS 1000

/* After `last`, `comes` makes the protocol likely (or decided), and `then` is the last message. */
struct protocol_step {
	__u8 last;
	__u8 comes;
	__u8 protocol;
	__u8 then;
	__u32 makes;
};

#define LIKELY PROTOCOL_LIKELY
#define DECIDED PROTOCOL_DECIDED_BIT
#define SECURE PROTOCOL_SECURE

static const struct protocol_step protocol_steps[] = {
    {HTTP_REQUEST, HTTP_RESPONSE, PROTOCOL_HTTP, 0, DECIDED},
    {HTTP_REQUEST, HTTP_SWITCH, PROTOCOL_HTTP, HTTP_SWITCH, LIKELY},
    {HTTP_SWITCH, HTTP2_PREFACE, PROTOCOL_HTTP2, 0, DECIDED},
    {HTTP_SWITCH, NOTHING, PROTOCOL_HTTP, 0, DECIDED},
    {HTTP2_PREFACE, HTTP2_SETTINGS, PROTOCOL_HTTP2, HTTP2_OPEN, LIKELY},
    {HTTP2_SETTINGS, HTTP2_PREFACE, PROTOCOL_HTTP2, HTTP2_OPEN, LIKELY},
    {HTTP2_REQUEST, HTTP2_RESPONSE, PROTOCOL_HTTP2, HTTP2_OPEN_OLDER, LIKELY},
    {TLS_HELLO, TLS_ANSWER, PROTOCOL_TLS, 0, DECIDED | SECURE},
    {TLS_CLIENT_DATA, TLS_SERVER_DATA, PROTOCOL_TLS, 0, DECIDED | SECURE},
    {TLS_SERVER_DATA, TLS_CLIENT_DATA, PROTOCOL_TLS, 0, DECIDED | SECURE},
    {MYSQL_GREETING, MYSQL_LOGIN, PROTOCOL_MYSQL, 0, DECIDED},
    {MYSQL_GREETING, MYSQL_SECURED, PROTOCOL_MYSQL, MYSQL_SECURED, LIKELY | SECURE},
    {MYSQL_SECURED, TLS_ANSWER, PROTOCOL_MYSQL, 0, DECIDED | SECURE},
    {MYSQL_COMMAND, MYSQL_RESULT, PROTOCOL_MYSQL, 0, DECIDED},
    {POSTGRESQL_SECURE, POSTGRESQL_WILLING, PROTOCOL_POSTGRESQL, POSTGRESQL_WILLING, LIKELY},
    {POSTGRESQL_SECURE, POSTGRESQL_UNWILLING, PROTOCOL_POSTGRESQL, POSTGRESQL_UNWILLING, LIKELY},
    {POSTGRESQL_WILLING, TLS_HELLO, PROTOCOL_POSTGRESQL, POSTGRESQL_SECURED, LIKELY | SECURE},
    {POSTGRESQL_SECURED, TLS_ANSWER, PROTOCOL_POSTGRESQL, 0, DECIDED | SECURE},
    {POSTGRESQL_UNWILLING, POSTGRESQL_SECURE, PROTOCOL_POSTGRESQL, POSTGRESQL_SECURE, LIKELY},
    {POSTGRESQL_UNWILLING, POSTGRESQL_STARTUP, PROTOCOL_POSTGRESQL, POSTGRESQL_STARTUP, LIKELY},
    {POSTGRESQL_STARTUP, POSTGRESQL_AUTHENTICATION, PROTOCOL_POSTGRESQL, 0, DECIDED},
    {POSTGRESQL_QUERY, POSTGRESQL_RESULT, PROTOCOL_POSTGRESQL, 0, DECIDED},
    {REDIS_COMMAND, REDIS_REPLY, PROTOCOL_REDIS, 0, DECIDED},
    {KAFKA_REQUEST, KAFKA_RESPONSE, PROTOCOL_KAFKA, 0, DECIDED},
    {MONGODB_REQUEST, MONGODB_REPLY, PROTOCOL_MONGODB, 0, DECIDED},
};

#undef LIKELY
#undef DECIDED
#undef SECURE

#define PROTOCOL_STEPS (sizeof(protocol_steps) / sizeof(protocol_steps[0]))

/* Messages that a conversation may begin with. */
#define ONE(kind) (1ULL << (kind))
#define PROTOCOL_BEGINS                                                                                       \
	(ONE(HTTP_REQUEST) | ONE(HTTP2_PREFACE) | ONE(HTTP2_SETTINGS) | ONE(HTTP2_REQUEST) | ONE(TLS_HELLO) | \
	 ONE(TLS_CLIENT_DATA) | ONE(TLS_SERVER_DATA) | ONE(MYSQL_GREETING) | ONE(MYSQL_COMMAND) |             \
	 ONE(POSTGRESQL_SECURE) | ONE(POSTGRESQL_STARTUP) | ONE(POSTGRESQL_QUERY) | ONE(REDIS_COMMAND) |      \
	 ONE(KAFKA_REQUEST) | ONE(MONGODB_REQUEST))

/* The row of each protocol: a message is of the first that takes it; MORE while one still may. */
#define PROTOCOL_ASK(name, end)         \
	verdict = name##_from_##end(t); \
	if (verdict > MORE)             \
		return verdict;         \
	more |= verdict;
#define PROTOCOL_EACH(end)            \
	PROTOCOL_ASK(tls, end)        \
	PROTOCOL_ASK(http, end)       \
	PROTOCOL_ASK(http2, end)      \
	PROTOCOL_ASK(postgresql, end) \
	PROTOCOL_ASK(mysql, end)      \
	PROTOCOL_ASK(redis, end)      \
	PROTOCOL_ASK(mongodb, end)    \
	PROTOCOL_ASK(kafka, end)

static __always_inline __u32 protocol_from_client(struct talk *t)
{
	__u32 verdict, more = NOTHING;

	PROTOCOL_EACH(client)
	return more;
}

static __always_inline __u32 protocol_from_server(struct talk *t)
{
	__u32 verdict, more = NOTHING;

	PROTOCOL_EACH(server)
	return more;
}

/* Which of the two it is; protocol_gather(); and http2_watch() with grpc_content_type(). The kernel's verifier wants to
 * look at each of the five on its own, so who includes this says how they are called.
 */
static __always_inline __u32 protocol_kind(struct talk *t);
static __always_inline void protocol_keep(struct talk *t, const __u8 *bytes, __u32 shown);
static __always_inline __u32 protocol_seen(struct talk *t, const __u8 *bytes, __u32 shown, __u32 length);

/* What is likely stands, but for HTTP/2 whose frames were not all seen: it may be gRPC. */
static __always_inline __u32 protocol_give_up(__u32 state, const struct talk *t)
{
	if (!(state & PROTOCOL_LIKELY) ||
	    (PROTOCOL_LAST(state) == HTTP2_OPEN && (t->left[0] == LOST || t->left[1] == LOST)))
		state &= ~PROTOCOL_MASK & ~PROTOCOL_SECURE;
	return state | PROTOCOL_DECIDED_BIT;
}

/* A message of this kind has come. One that does not follow the last one ends what was likely. */
static __always_inline __u32 protocol_advance(__u32 state, struct talk *t, __u32 comes)
{
	__u32 counted = state & 0xff00;

	for (__u32 i = 0; i < PROTOCOL_STEPS; i++) {
		const struct protocol_step *step = &protocol_steps[i];

		if (step->last != t->last || step->comes != comes)
			continue;
		t->last = step->then;
		return counted | (state & HTTP2_SEEN) | step->protocol | (__u32)step->then << 16 | step->makes;
	}
	t->last = comes < 64 && PROTOCOL_BEGINS >> comes & 1 ? comes : NOTHING;
	if (comes == TLS_HELLO)
		t->hello = 0;
	return counted | (__u32)t->last << 16;
}

/* HTTP/2 is gRPC when its headers or its data say so; it is HTTP/2 when both ends' headers, or data, say it is not. */
static __always_inline __u32 protocol_http2(__u32 state, __u32 seen)
{
	__u32 last = PROTOCOL_LAST(state);

	state |= seen;
	if (last != HTTP2_OPEN && last != HTTP2_OPEN_OLDER)
		return state;
	if ((state & (GRPC_ASKED | GRPC_ANSWERED)) == (GRPC_ASKED | GRPC_ANSWERED))
		return (state & ~PROTOCOL_MASK) | PROTOCOL_GRPC | PROTOCOL_DECIDED_BIT;
	if (state & GRPC_NOT || (last == HTTP2_OPEN && state & HTTP2_ASKED && state & HTTP2_ANSWERED))
		return state | PROTOCOL_DECIDED_BIT;
	return state;
}

/* A new message, when the other end spoke last. One that was not known to its end is none. */
static __always_inline __u32 protocol_turn(__u32 state, struct talk *t, int from_client)
{
	__u32 messages;

	if (++t->looks > PROTOCOL_LOOKS)
		return protocol_give_up(state, t);
	if (t->begun && t->from_client == from_client)
		return state;
	messages = (state >> 8 & 0xff) + 1;
	if (messages > PROTOCOL_MESSAGES)
		return protocol_give_up(state, t);
	if (t->begun && !t->judged)
		state = protocol_advance(state, t, NOTHING);
	t->first = !t->begun && !t->older;
	t->begun = 1;
	t->from_client = from_client;
	t->judged = 0;
	t->have = t->total = 0;
	t->hello = NO_HELLO;
	__builtin_memset(t->head, 0, HEAD);
	return (state & ~0xff00U) | messages << 8;
}

static __always_inline void protocol_gather(struct talk *t, const __u8 *bytes, __u32 shown)
{
	__u32 have = t->have;

	for (__u32 i = 0; i < HEAD; i++) {
		if (i >= shown || have >= HEAD)
			break;
		t->head[IN_HEAD(have)] = bytes[i];
		have++;
	}
	t->have = have;
}

/* Where frames go on, once it is known that there are frames. */
static __always_inline void protocol_frames(struct talk *t, __u32 kind, __u32 before)
{
	switch (kind) {
	case HTTP2_PREFACE:
		t->left[1] = HTTP2_PREFACE_BYTES - before;
		break;
	case HTTP2_SETTINGS:
		t->left[0] = before ? HTTP2_FRAME_HEADER + be24(t->head) - before : 0;
		break;
	case HTTP2_REQUEST:
		t->left[1] = before ? LOST : 0;
		break;
	case HTTP2_RESPONSE:
		t->left[0] = before ? LOST : 0;
		break;
	}
}

static __always_inline int protocol_has_frames(__u32 last)
{
	return last == HTTP2_PREFACE || last == HTTP2_SETTINGS || last == HTTP2_REQUEST || last == HTTP2_OPEN ||
	       last == HTTP2_OPEN_OLDER;
}

/* The kind of the message under way, once; MORE while that is open. Bytes that could not be read end the wait. */
static __always_inline __u32 protocol_judge(struct talk *t, __u32 complete)
{
	__u32 kind = NOTHING;

	if (t->have)
		kind = protocol_kind(t);
	if (kind == MORE && (!complete || t->have == HEAD))
		kind = NOTHING;
	t->judged = kind != MORE;
	return kind;
}

/* One piece of a message: `length` bytes went by, the first `shown` of them (PEEK at most) are at `bytes`, which has
 * room for PEEK. Returns the new state.
 */
static __always_inline __u32 protocol_look(__u32 state, struct talk *t, const __u8 *bytes, __u32 shown, __u32 length,
					   int from_client)
{
	__u32 before, kind;

	t->last = PROTOCOL_LAST(state);
	state = protocol_turn(state, t, from_client);
	if (PROTOCOL_DECIDED(state))
		return state;
	before = t->total;
	t->total = before + length < before ? ~0U : before + length;
	if (t->last == HTTP2_OPEN || t->last == HTTP2_OPEN_OLDER)
		t->judged = 1;
	if (!t->judged) {
		protocol_keep(t, bytes, shown);
		kind = protocol_judge(t, shown == length);
		if (kind == MORE)
			return state;
		state = protocol_advance(state, t, kind);
		protocol_frames(t, kind, before);
	}
	if (PROTOCOL_DECIDED(state) || !protocol_has_frames(PROTOCOL_LAST(state)))
		return state;
	return protocol_http2(state, protocol_seen(t, bytes, shown, length));
}

#endif
