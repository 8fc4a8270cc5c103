/* The end of a slot: the last values of its connection go to the ring. */
#ifndef HOPSCOPE_FINISH_BPF_H
#define HOPSCOPE_FINISH_BPF_H

#include "sock.bpf.h"

static __always_inline void forget_initiator(struct slot *s, struct connection *c, __u32 index)
{
	struct initiator_key key = {};
	struct initiator *value;

	initiator_key_of(&key, c->local, c->local_port, c->netns);
	value = bpf_map_lookup_elem(&initiators, &key);
	if (value && value->slot == index && value->generation == s->generation)
		bpf_map_delete_elem(&initiators, &key);
}

/* The values to keep. tcp_disconnect (also by linger 0) wipes the socket's counters and its remote port after the
 * change to CLOSE; a socket that connects again has a remote port but is not the connection that ended.
 */
static __always_inline void read_last(struct truths *last, struct connection *c, __u64 sk, __u32 generation, bool again)
{
	if (last->generation != generation)
		__builtin_memset(last, 0, sizeof(*last));
	last->generation = generation;
	if (c->state == TCP_CLOSE && (again || !BPF_CORE_READ(SK(sk), __sk_common.skc_dport))) {
		last->sent = c->final[WRITE];
		last->received = c->final[READ];
		return;
	}
	read_truths(last, sk, ours_of(c));
}

/* Sends the last values and frees the slot; when the ring is full the slot waits for user space. */
__noinline int finish(__u64 sk, __u32 index, int again)
{
	struct connection *c = connection_at(index);
	struct slot *s = slot_at(index);
	struct closed_record *r;

	if (!s || !c || s->sk != sk)
		return 0;
	if (is_layered(sk))
		c->flags |= CONNECTION_LAYERED;
	if (c->role == ROLE_CLIENT)
		forget_initiator(s, c, index);
	if (c->role == ROLE_LISTENER)
		count_listener(c, -1);
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		__sync_fetch_and_add(&lost_records[RECORD_CLOSED], 1);
		if (c->role != ROLE_LISTENER)
			read_last(&c->truths, c, sk, s->generation, again);
		c->flags |= CONNECTION_FINISHED;
		*(volatile __u64 *)&s->sk = SK_RESERVED;
		return 0;
	}
	r->kind = RECORD_CLOSED;
	r->index = index;
	__builtin_memcpy(&r->slot, s, sizeof(r->slot));
	__builtin_memcpy(&r->connection, c, sizeof(r->connection));
	/* Not by way of c: a look that is under way may still write there. */
	if (c->role != ROLE_LISTENER)
		read_last(&r->connection.truths, c, sk, s->generation, again);
	s->start[WRITE] = s->start[READ] = 0;
	*(volatile __u64 *)&s->sk = 0;
	bpf_ringbuf_submit(r, wake());
	return 0;
}

__noinline int finish_all(__u64 sk, int again)
{
	for (int i = 0; i < PROBES; i++)
		finish(sk, place_of(sk, i), again);
	return 0;
}

#endif
