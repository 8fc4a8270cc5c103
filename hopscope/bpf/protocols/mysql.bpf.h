/* MySQL and MariaDB: packets of a 3-byte length and a number; the server greets first. */
#ifndef HOPSCOPE_MYSQL_H
#define HOPSCOPE_MYSQL_H

#include "messages.h"
#include "tls.bpf.h"

#define MYSQL_GREETING_MAX 512
#define MYSQL_SSL_REQUEST 36 /* header and 32 bytes, then TLS at once */
#define CLIENT_PROTOCOL_41 0x200
#define CLIENT_SSL 0x800

enum { COM_QUERY = 3, COM_PREPARE = 22, COM_EXECUTE = 23 };

static __always_inline __u32 mysql_login(struct talk *t)
{
	const __u8 *b = t->head;
	__u32 capabilities = le32(b + 4), zero = 0;

	if (t->have < MYSQL_SSL_REQUEST)
		return MORE;
	/* 23 reserved bytes; MariaDB's extended capabilities take the last four. */
	for (__u32 i = 13; i < 32; i++)
		zero |= b[i];
	if (zero || !(capabilities & CLIENT_PROTOCOL_41) || le24(b) < 32)
		return NOTHING;
	if (le24(b) > 32)
		return MYSQL_LOGIN;
	if (!(capabilities & CLIENT_SSL))
		return NOTHING;
	if (t->have < MYSQL_SSL_REQUEST + TLS_HELLO_BYTES)
		return MORE;
	if (!tls_handshake(b + MYSQL_SSL_REQUEST, TLS_CLIENT_HELLO))
		return NOTHING;
	t->hello = MYSQL_SSL_REQUEST;
	return MYSQL_SECURED;
}

static __always_inline __u32 mysql_from_client(struct talk *t)
{
	const __u8 *b = t->head;

	if (t->last == MYSQL_GREETING) {
		if (t->have < 4)
			return MORE;
		return b[3] == 1 ? mysql_login(t) : NOTHING;
	}
	if (!t->older)
		return NOTHING;
	if (t->have < 14)
		return t->have < 4 || (!b[3] && t->total < le24(b) + 4) ? MORE : NOTHING;
	if (b[3] || t->total != le24(b) + 4)
		return NOTHING;
	if (b[4] == COM_QUERY || b[4] == COM_PREPARE)
		return text_end(t, 5) >= 14 ? MYSQL_COMMAND : NOTHING;
	return b[4] == COM_EXECUTE && le24(b) >= 10 && le32(b + 10) == 1 ? MYSQL_COMMAND : NOTHING;
}

/* OK, an error with its SQL state, or a number of columns and the first one, of catalogue "def". */
static __always_inline int mysql_result(const struct talk *t)
{
	const __u8 *b = t->head;
	__u32 length = le24(b);

	if (b[3] != 1)
		return 0;
	if (b[4] == 0)
		return length >= 7 && t->total == length + 4;
	if (b[4] == 0xff)
		return b[7] == '#' && t->total == length + 4;
	return length == 1 && t->have >= 13 && b[8] == 2 && b[9] == 3 && b[10] == 'd' && b[11] == 'e' && b[12] == 'f';
}

static __always_inline __u32 mysql_from_server(struct talk *t)
{
	const __u8 *b = t->head;
	__u32 end;

	if (t->last == MYSQL_COMMAND) {
		if (mysql_result(t))
			return MYSQL_RESULT;
		return t->have < 13 && (t->have < 4 || b[3] == 1) ? MORE : NOTHING;
	}
	if (!t->first && !t->older)
		return NOTHING;
	if (t->have < 5)
		return t->have < 4 || !b[3] ? MORE : NOTHING;
	if (b[3] || b[4] != 10 || le24(b) > MYSQL_GREETING_MAX || t->total > le24(b) + 4)
		return NOTHING;
	/* The version in text, ended by a zero. */
	end = text_end(t, 5);
	if (end == HEAD)
		return t->have < HEAD ? MORE : NOTHING;
	return end > 5 && is_digit(b[5]) && !b[IN_HEAD(end)] ? MYSQL_GREETING : NOTHING;
}

#endif
