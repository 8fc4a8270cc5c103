/* The protocol of a connection from the first bytes of its messages. A label needs two consistent messages. */
#ifndef HOPSCOPE_PROTOCOLS_BPF_H
#define HOPSCOPE_PROTOCOLS_BPF_H

#define PEEK 64

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

/* state: candidate in bits 0-7, messages looked at in 8-15, 16 client fits, 17 server fits, 31 decided */
#define PROTOCOL_OF(state) ((state) & 0xff)
#define PROTOCOL_DECIDED(state) ((state) >> 31)
#define PROTOCOL_MESSAGES 8

static __always_inline __u32 protocol_guess(const __u8 *data, int from_client)
{
	if (data[0] == 0x16 && data[1] == 3 && data[2] <= 4 && data[5] == (from_client ? 1 : 2))
		return PROTOCOL_TLS;
	if (!from_client)
		return data[0] == 'H' && data[1] == 'T' && data[2] == 'T' && data[3] == 'P' && data[4] == '/' ? PROTOCOL_HTTP : 0;
	if (data[0] == 'G' && data[1] == 'E' && data[2] == 'T' && data[3] == ' ' && data[4] == '/')
		return PROTOCOL_HTTP;
	if (data[0] == 'P' && data[1] == 'O' && data[2] == 'S' && data[3] == 'T' && data[4] == ' ' && data[5] == '/')
		return PROTOCOL_HTTP;
	return 0;
}

static __always_inline __u32 protocol_step(__u32 state, const __u8 *data, __u32 length, int from_client)
{
	__u32 guess = length < 6 ? 0 : protocol_guess(data, from_client), count = ((state >> 8) & 0xff) + 1;

	if (guess && (!PROTOCOL_OF(state) || PROTOCOL_OF(state) == guess))
		state = (state & ~0xffU) | guess | 1U << (from_client ? 16 : 17);
	state = (state & ~0xff00U) | (count & 0xff) << 8;
	if ((state >> 16 & 3) == 3)
		return state | 1U << 31;
	return count >= PROTOCOL_MESSAGES ? (state & ~0xffU) | 1U << 31 : state;
}

#endif
