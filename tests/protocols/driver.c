/* The kernel's protocol code as a library: the tests feed it the pieces of a conversation. */
#include <string.h>
#include "protocols.bpf.h"

static __always_inline __u32 protocol_kind(struct talk *t)
{
	return t->from_client ? protocol_from_client(t) : protocol_from_server(t);
}

static __always_inline void protocol_keep(struct talk *t, const __u8 *bytes, __u32 shown)
{
	protocol_gather(t, bytes, shown);
}

static __always_inline __u32 protocol_seen(struct talk *t, const __u8 *bytes, __u32 shown, __u32 length)
{
	return http2_watch(t, bytes, shown, length) | grpc_content_type(bytes, shown);
}

struct conversation {
	struct talk talk;
	__u32 state;
	__u32 hello; /* where a ClientHello started in its message, NO_HELLO: none yet */
};

__u32 conversation_size(void)
{
	return sizeof(struct conversation);
}

void conversation_begin(struct conversation *c, int older)
{
	memset(c, 0, sizeof(*c));
	c->talk.older = older;
	c->hello = NO_HELLO;
}

/* One call that moved `length` bytes, of which `shown` could be read. Returns the state after it. */
__u32 conversation_moved(struct conversation *c, int from_client, const __u8 *data, __u32 shown, __u32 length)
{
	__u8 bytes[PEEK + 8] = {0};

	if (PROTOCOL_DECIDED(c->state))
		return c->state;
	if (shown > PEEK)
		shown = PEEK;
	memcpy(bytes, data, shown);
	c->state = protocol_look(c->state, &c->talk, bytes, shown, length, from_client);
	if (c->talk.hello != NO_HELLO)
		c->hello = c->talk.hello;
	return c->state;
}

/* What Python repeats. */
__u32 constants[] = {
    PROTOCOL_MASK, PROTOCOL_SECURE, PROTOCOL_LIKELY, PROTOCOL_DECIDED_BIT, PROTOCOL_MESSAGES, PROTOCOL_LOOKS,
};
