/* A connection's life, from its changes of state. These hooks often run in softirq or in another process's context, so
 * they ask the slot who owns the socket, never the current task, except where a call opens one.
 */
#ifndef HOPSCOPE_LIFECYCLE_BPF_H
#define HOPSCOPE_LIFECYCLE_BPF_H

#include "finish.bpf.h"

static __always_inline void remember_initiator(struct slot *s, struct connection *c, __u32 index)
{
	struct initiator_key key = {};
	struct initiator value = {.slot = index, .generation = s->generation, .tgid = s->tgid};

	initiator_key_of(&key, c->local, c->local_port, c->netns);
	if (bpf_map_update_elem(&initiators, &key, &value, BPF_ANY))
		__sync_fetch_and_add(&lost_initiators, 1);
}

static __always_inline int starts_connecting(__u64 sk)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct connection *c;
	long index;

	if (!is_traced(tgid) || !is_tcp(sk))
		return 0;
	/* The same socket may connect again, after a failure or a disconnect. */
	finish_all(sk, true);
	index = enrol(sk, tgid, 0);
	c = connection_at(index);
	if (index < 0 || !c)
		return 0;
	c->role = ROLE_CLIENT;
	c->state = TCP_SYN_SENT;
	return 0;
}

static __always_inline int starts_listening(__u64 sk)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct connection *c;
	long index;

	if (!is_traced(tgid) || !is_tcp(sk))
		return 0;
	finish_all(sk, true);
	index = enrol(sk, tgid, 0);
	c = connection_at(index);
	if (index < 0 || !c)
		return 0;
	c->role = ROLE_LISTENER;
	c->state = TCP_LISTEN;
	count_listener(c, 1);
	return 0;
}

static __always_inline bool is_wanted(__u64 sk)
{
	struct listening_key key;

	if (trace_all || everything)
		return true;
	key.netns = BPF_CORE_READ(SK(sk), __sk_common.skc_net.net, ns.inum);
	key.port = BPF_CORE_READ(SK(sk), __sk_common.skc_num);
	return bpf_map_lookup_elem(&listening, &key);
}

/* A listener's child: nobody's until a process uses it. Its first RTT sample is the time from SYN-ACK to ACK. */
static __always_inline int child_established(__u64 sk)
{
	struct connection *c;
	long index;

	if (!is_wanted(sk))
		return 0;
	index = enrol(sk, 0, CONNECTION_ESTABLISHED);
	c = connection_at(index);
	if (index < 0 || !c)
		return 0;
	c->role = ROLE_SERVER;
	c->state = TCP_ESTABLISHED;
	c->accept_ns = (__u64)(BPF_CORE_READ(TP(sk), srtt_us) >> 3) * 1000;
	return 0;
}

static __always_inline void connects(struct slot *s, struct connection *c, __u32 index, __u64 sk, __u64 now)
{
	read_addresses(c, sk);
	if (!(c->flags & CONNECTION_OLDER))
		c->connect_ns = now - c->opened;
	c->flags |= CONNECTION_ESTABLISHED;
	remember_initiator(s, c, index);
}

static __always_inline void closes(struct slot *s, struct connection *c, __u64 sk, __u64 now)
{
	if (!c->closing)
		c->closing = now;
	if (!(c->flags & CONNECTION_CLOSED)) {
		c->flags |= CONNECTION_CLOSED;
		c->close_ns = now - c->closing;
	}
	if (c->truths.generation != s->generation)
		__builtin_memset(&c->truths, 0, sizeof(c->truths));
	c->truths.generation = s->generation;
	read_truths(&c->truths, sk, ours_of(c));
	c->final[WRITE] = c->truths.sent;
	c->final[READ] = c->truths.received;
}

__noinline int changes_state(__u64 sk, __u32 index, int new)
{
	struct connection *c = connection_at(index);
	__u64 now = bpf_ktime_get_ns();
	struct slot *s = slot_at(index);

	if (!s || !c)
		return 0;
	c->state = new;
	if (c->flags & CONNECTION_FAILED)
		return 0;
	if (!(c->flags & CONNECTION_ESTABLISHED) && c->role == ROLE_CLIENT) {
		if (new == TCP_ESTABLISHED) {
			connects(s, c, index, sk, now);
		} else if (new == TCP_CLOSE) {
			read_addresses(c, sk);
			c->flags |= CONNECTION_FAILED;
			c->error = BPF_CORE_READ(SK(sk), sk_err);
		}
		return 0;
	}
	if (new == TCP_CLOSE) {
		closes(s, c, sk, now);
		return 0;
	}
	if (fin_sent(new))
		c->flags |= CONNECTION_FIN_SENT;
	if (!c->closing && (fin_sent(new) || new == TCP_CLOSE_WAIT))
		c->closing = now;
	return 0;
}

SEC("raw_tp/inet_sock_set_state")
int on_state(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 sk = ctx->args[0];
	int old = ctx->args[1], new = ctx->args[2];

	if (new == TCP_SYN_SENT)
		return starts_connecting(sk);
	if (new == TCP_LISTEN)
		return starts_listening(sk);
	/* A socket of ours that comes this way met its peer's SYN half way: two initiators, no listener. */
	if (old == TCP_SYN_RECV && new == TCP_ESTABLISHED && find(sk, 0) < 0)
		return child_established(sk);
	for (int i = 0; i < PROBES; i++) {
		__u32 index = place_of(sk, i);
		struct slot *s = slot_at(index);

		if (!s || s->sk != sk)
			continue;
		if (old == TCP_LISTEN)
			finish(sk, index, false);
		else
			changes_state(sk, index, new);
	}
	return 0;
}

SEC("raw_tp/tcp_destroy_sock")
int on_destroy(struct bpf_raw_tracepoint_args *ctx)
{
	return finish_all(ctx->args[0], false);
}

#endif
