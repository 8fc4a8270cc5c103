/* The first bytes of a message, looked at in the kernel until the protocol is decided; they do not leave it. */
#ifndef HOPSCOPE_PAYLOAD_BPF_H
#define HOPSCOPE_PAYLOAD_BPF_H

#include "buffers.bpf.h"
#include "protocols.bpf.h"

/* A conversation whose protocol is not decided yet. */
struct undecided {
	struct talk talk;
	struct vector_place place[2];
	__u32 hello_sent;
	__u32 padding;
};

struct scratch {
	struct buffers from; /* here, not on the stack: the verifier follows each value it can have there */
	struct undecided undecided;
	struct undecided none;
	struct hello_record hello; /* its data is also where payload is looked at */
	__u8 slack[HELLO_SIZE];	   /* so that the verifier sees every copy end inside */
	__u32 busy;		   /* a program that was preempted here is not done */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* By slot and generation. One that is pushed out is taken up again as if it were seen from the middle on. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct undecided);
} talks SEC(".maps");

static __always_inline struct scratch *scratch_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratches, &zero);
}

/* Global, so that the verifier looks at each once. */
__noinline __u32 kind_from_client(void)
{
	struct scratch *scratch = scratch_here();

	return scratch ? protocol_from_client(&scratch->undecided.talk) : NOTHING;
}

__noinline __u32 kind_from_server(void)
{
	struct scratch *scratch = scratch_here();

	return scratch ? protocol_from_server(&scratch->undecided.talk) : NOTHING;
}

__noinline int gather(__u32 shown)
{
	struct scratch *scratch = scratch_here();

	if (scratch)
		protocol_gather(&scratch->undecided.talk, scratch->hello.data, shown);
	return 0;
}

__noinline __u32 frames_tell(__u32 shown, __u32 length)
{
	struct scratch *scratch = scratch_here();

	if (!scratch || shown > PEEK)
		return 0;
	return http2_watch(&scratch->undecided.talk, scratch->hello.data, shown, length);
}

__noinline __u32 content_type_tells(__u32 shown)
{
	struct scratch *scratch = scratch_here();

	if (!scratch || shown > PEEK)
		return 0;
	__builtin_memset(scratch->hello.data + shown, 0, 8);
	return grpc_content_type(scratch->hello.data, shown);
}

static __always_inline void protocol_keep(struct talk *t, const __u8 *bytes, __u32 shown)
{
	gather(shown);
}

static __always_inline __u32 protocol_seen(struct talk *t, const __u8 *bytes, __u32 shown, __u32 length)
{
	return frames_tell(shown, length) | content_type_tells(shown);
}

static __always_inline __u32 protocol_kind(struct talk *t)
{
	return t->from_client ? kind_from_client() : kind_from_server();
}

__noinline __u32 step(__u32 state, __u32 shown, __u32 length, __u32 from_client)
{
	struct scratch *scratch = scratch_here();

	if (!scratch || shown > PEEK)
		return state;
	return protocol_look(state, &scratch->undecided.talk, scratch->hello.data, shown, length, from_client & 1);
}

static __noinline int send_hello(struct scratch *scratch, __u64 key, __u32 length)
{
	struct hello_record *hello = &scratch->hello;

	barrier_var(length);
	if (!length || length > HELLO_SIZE)
		return 0;
	hello->kind = RECORD_HELLO;
	hello->index = key;
	hello->generation = key >> 32;
	hello->offset = scratch->undecided.hello_sent;
	hello->length = length;
	scratch->undecided.hello_sent += length;
	if (bpf_ringbuf_output(&ring, hello, __builtin_offsetof(struct hello_record, data) + length, wake()))
		__sync_fetch_and_add(&lost_records[RECORD_HELLO], 1);
	return 0;
}

/* The pieces of a ClientHello, as calls bring them: first what came before it was known for one, then the rest. */
static __noinline int send_hellos(struct scratch *scratch, __u64 key, struct buffers *from, __u32 length)
{
	struct undecided *u = &scratch->undecided;
	__u32 start = u->talk.hello, before = u->talk.total - length, size, skip;

	if (start > HEAD - TLS_HELLO_BYTES)
		return 0;
	size = 5 + be16(u->talk.head + (start & (HEAD - 1)) + 3);
	if (!u->hello_sent && before > start && before - start <= HEAD) {
		if (start == MYSQL_SSL_REQUEST)
			__builtin_memcpy(scratch->hello.data, u->talk.head + MYSQL_SSL_REQUEST,
					 HEAD - MYSQL_SSL_REQUEST);
		else
			__builtin_memcpy(scratch->hello.data, u->talk.head, HEAD);
		send_hello(scratch, key, before - start);
	}
	if (u->hello_sent >= size || start + u->hello_sent < before)
		return 0;
	skip = start + u->hello_sent - before;
	if (skip >= length)
		return 0;
	size -= u->hello_sent;
	if (size > length - skip)
		size = length - skip;
	if (size > HELLO_SIZE)
		size = HELLO_SIZE;
	size = copy_from(from, scratch->hello.data, skip, size);
	return send_hello(scratch, key, size);
}

/* One call moved `bytes`; 0 where they cannot be read, which the conversation must know too. */
static __noinline int peek(__u32 index, __u32 direction, __u32 bytes)
{
	struct connection *c = connection_at(index);
	struct slot *s = slot_at(index);
	struct scratch *scratch = scratch_here();
	struct buffers *from;
	struct undecided *known;
	__u32 state, shown, from_client;
	__u64 key;

	if (!c || !s || !scratch || !bytes || scratch->busy)
		return 0;
	scratch->busy = 1;
	key = (__u64)s->generation << 32 | index;
	known = bpf_map_lookup_elem(&talks, &key);
	__builtin_memcpy(&scratch->undecided, known ? known : &scratch->none, sizeof(struct undecided));
	if (!known)
		scratch->undecided.talk.older = c->flags & CONNECTION_OLDER || s->protocol;
	from = &scratch->from;
	__builtin_memset(from, 0, sizeof(*from));
	find_buffers(from, direction == WRITE ? &scratch->undecided.place[WRITE] : &scratch->undecided.place[READ]);
	shown = from->base || from->vector ? copy_from(from, scratch->hello.data, 0, bytes > PEEK ? PEEK : bytes) : 0;
	from_client = (c->role == ROLE_CLIENT) == (direction == WRITE);
	state = step(s->protocol, shown, bytes, from_client);
	if (scratch->undecided.talk.hello == NO_HELLO)
		scratch->undecided.hello_sent = 0;
	else if (from_client)
		send_hellos(scratch, key, from, bytes);
	s->protocol = state;
	if (PROTOCOL_DECIDED(state))
		bpf_map_delete_elem(&talks, &key);
	else
		bpf_map_update_elem(&talks, &key, &scratch->undecided, BPF_ANY);
	scratch->busy = 0;
	return 0;
}

#endif
