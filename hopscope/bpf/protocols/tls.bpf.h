/* TLS records (RFC 8446 5.1, 4): ClientHello and what answers it. */
#ifndef HOPSCOPE_TLS_H
#define HOPSCOPE_TLS_H

#include "messages.h"

#define TLS_HELLO_BYTES 11
#define TLS_RECORD_MAX (16384 + 256)

enum { TLS_ALERT = 21, TLS_HANDSHAKE = 22, TLS_DATA = 23, TLS_CLIENT_HELLO = 1, TLS_SERVER_HELLO = 2 };

/* A record with a handshake message of this type; needs TLS_HELLO_BYTES. */
static __always_inline int tls_handshake(const __u8 *b, __u8 type)
{
	return b[0] == TLS_HANDSHAKE && b[1] == 3 && b[2] <= 4 && be16(b + 3) >= 42 && be16(b + 3) <= TLS_RECORD_MAX &&
	       b[5] == type && !b[6] && be16(b + 7) >= 38 && b[9] == 3 && b[10] <= 3;
}

/* Of a connection seen from the middle on: encrypted records, which since 1.2 all carry version 3.3. */
static __always_inline int tls_data(const struct talk *t)
{
	return t->older && t->have >= 5 && t->head[0] == TLS_DATA && t->head[1] == 3 && t->head[2] == 3 &&
	       be16(t->head + 3) > 16 && be16(t->head + 3) <= TLS_RECORD_MAX;
}

static __always_inline __u32 tls_from_client(const struct talk *t)
{
	if (t->head[0] == TLS_HANDSHAKE) {
		if (t->have < TLS_HELLO_BYTES)
			return MORE;
		return tls_handshake(t->head, TLS_CLIENT_HELLO) ? TLS_HELLO : NOTHING;
	}
	if (t->have < 5 && t->head[0] == TLS_DATA)
		return MORE;
	return tls_data(t) ? TLS_CLIENT_DATA : NOTHING;
}

static __always_inline __u32 tls_from_server(const struct talk *t)
{
	const __u8 *b = t->head;

	if (b[0] == TLS_HANDSHAKE) {
		if (t->have < TLS_HELLO_BYTES)
			return MORE;
		return tls_handshake(b, TLS_SERVER_HELLO) ? TLS_ANSWER : NOTHING;
	}
	if (b[0] == TLS_ALERT) {
		if (t->have < 7)
			return MORE;
		return b[1] == 3 && b[2] <= 4 && be16(b + 3) == 2 && (b[5] == 1 || b[5] == 2) ? TLS_ANSWER : NOTHING;
	}
	if (t->have < 5 && b[0] == TLS_DATA)
		return MORE;
	return tls_data(t) ? TLS_SERVER_DATA : NOTHING;
}

#endif
