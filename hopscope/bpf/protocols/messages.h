/* The kinds of messages that protocols are known by, and the bytes of one that are kept. Shared by all of protocols/.
 */
#ifndef HOPSCOPE_MESSAGES_H
#define HOPSCOPE_MESSAGES_H

#include <linux/types.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* So many first bytes of a message are kept until it is known; a power of two. */
#define HEAD 128
/* So many bytes of each piece are searched where a message is longer than its head: HTTP/2 headers. */
#define PEEK 512

enum message {
	NOTHING, /* no message of any protocol */
	MORE,	 /* not enough bytes to say */
	HTTP_REQUEST,
	HTTP_RESPONSE,
	HTTP_SWITCH, /* 101: another protocol follows */
	HTTP2_PREFACE,
	HTTP2_SETTINGS,
	HTTP2_REQUEST, /* of a connection seen from the middle on */
	HTTP2_RESPONSE,
	HTTP2_OPEN, /* both ends spoke HTTP/2: is it gRPC? */
	HTTP2_OPEN_OLDER,
	TLS_HELLO,
	TLS_ANSWER,
	TLS_CLIENT_DATA,
	TLS_SERVER_DATA,
	MYSQL_GREETING,
	MYSQL_LOGIN,
	MYSQL_SECURED, /* SSLRequest and ClientHello */
	MYSQL_COMMAND,
	MYSQL_RESULT,
	POSTGRESQL_SECURE, /* SSLRequest or GSSENCRequest */
	POSTGRESQL_WILLING,
	POSTGRESQL_UNWILLING,
	POSTGRESQL_SECURED, /* ClientHello after that */
	POSTGRESQL_STARTUP,
	POSTGRESQL_AUTHENTICATION,
	POSTGRESQL_QUERY,
	POSTGRESQL_RESULT,
	REDIS_COMMAND,
	REDIS_REPLY,
	KAFKA_REQUEST,
	KAFKA_RESPONSE,
	MONGODB_REQUEST,
	MONGODB_REPLY,
};

/* A message is what one end sends until the other end speaks, in however many calls. */
struct talk {
	__u8 head[HEAD];
	__u32 have;  /* bytes in head */
	__u32 total; /* bytes of the message so far */
	__u32 mark;  /* what the answer must repeat */
	__u32 looks;
	__u32 found;   /* see found_at() */
	__u32 left[2]; /* HTTP/2: bytes until the next frame, by from_client; LOST: unknown */
	__u32 hello;   /* where in the message a ClientHello starts, NO_HELLO: none */
	__u8 from_client;
	__u8 begun;
	__u8 judged;
	__u8 older; /* the connection is: its first message may be any */
	__u8 first; /* the first message of a connection seen from its start */
	__u8 last;  /* the message before this one that counts */
};
#define LOST 0xffffffff

/* An index that the verifier, too, sees inside the head: clang would drop a mask that it proves needless. */
#define IN_HEAD(at)                              \
	({                                       \
		__u32 index_ = (at);             \
                                                 \
		asm volatile("" : "+r"(index_)); \
		index_ &(HEAD - 1);              \
	})
#define NO_HELLO 0xffffffff

static __always_inline __u32 be16(const __u8 *b)
{
	return b[0] << 8 | b[1];
}

static __always_inline __u32 be24(const __u8 *b)
{
	return b[0] << 16 | b[1] << 8 | b[2];
}

static __always_inline __u32 be32(const __u8 *b)
{
	return (__u32)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
}

static __always_inline __u32 le24(const __u8 *b)
{
	return b[0] | b[1] << 8 | b[2] << 16;
}

static __always_inline __u32 le32(const __u8 *b)
{
	return le24(b) | (__u32)b[3] << 24;
}

/* Eight bytes as one number, for comparing text. */
static __always_inline __u64 word_at(const __u8 *b)
{
	return le32(b) | (__u64)le32(b + 4) << 32;
}

#define TEXT(a, b, c, d, e, f, g, h)                                                                                \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 | (__u64)(f) << 40 | \
	 (__u64)(g) << 48 | (__u64)(h) << 56)
#define FIRST(n) (~0ULL >> (64 - 8 * (n)))

static __always_inline int is_digit(__u8 c)
{
	return c >= '0' && c <= '9';
}

static __always_inline int is_letter(__u8 c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* A place found in the head goes through memory: the verifier would follow each of its values on its own. */
static __always_inline __u32 found_at(struct talk *t, __u32 at)
{
	*(volatile __u32 *)&t->found = at;
	return *(volatile __u32 *)&t->found;
}

/* Where the text that starts at `from` ends: its first control byte; HEAD: not in what is kept. Past the bytes kept the
 * head is zero, so no other bound is needed, nor one more branch for the verifier to follow.
 */
static __always_inline __u32 text_end(struct talk *t, __u32 from)
{
	volatile __u32 *end = &t->found;

	*end = HEAD;
	for (__u32 i = HEAD; i-- > from;) {
		if (t->head[i] < 0x20)
			*end = i;
	}
	return *end < t->have ? *end : HEAD;
}

#endif
