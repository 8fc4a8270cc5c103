/* A connection's life: opening, closing, resets, drops. These hooks often run in softirq or in another process's
 * context, so they ask the slot who owns the socket, never the current task, except where a call opens one.
 */
#ifndef HOPSCOPE_LIFECYCLE_BPF_H
#define HOPSCOPE_LIFECYCLE_BPF_H

#include "sock.bpf.h"

const volatile __u32 kfree_skb_args = 3;       /* skb, location[, reason[, rx_sk]] */
const volatile __u32 send_reset_args = 2;      /* sk, skb[, reason] */
const volatile __u64 kernel_reset_reasons = 0; /* a bit for each enum sk_rst_reason that no application asked for */

static __always_inline void remember_initiator(struct slot *s, struct connection *c, __u32 index)
{
	struct initiator_key key = {};
	struct initiator value = {.slot = index, .generation = s->generation, .tgid = s->tgid};

	initiator_key_of(&key, c->local, c->local_port, c->netns);
	if (bpf_map_update_elem(&initiators, &key, &value, BPF_ANY))
		__sync_fetch_and_add(&lost_initiators, 1);
}

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
	if (BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_ulp_ops))
		c->flags |= CONNECTION_LAYERED;
	if (c->role == ROLE_CLIENT)
		forget_initiator(s, c, index);
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
	__u32 home = home_of(sk);

	for (int i = 0; i < PROBES; i++)
		finish(sk, (home + i) & slot_mask, again);
	return 0;
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
	if (!trace_all) {
		struct listening_key key = {.netns = c->netns, .port = c->local_port};

		bpf_map_update_elem(&listening, &key, &tgid, BPF_ANY);
	}
	return 0;
}

static __always_inline bool is_wanted(__u64 sk)
{
	struct listening_key key;

	if (trace_all)
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

static __always_inline void changes_state(struct slot *s, struct connection *c, __u32 index, __u64 sk, int new)
{
	__u64 now = bpf_ktime_get_ns();

	c->state = new;
	if (c->flags & CONNECTION_FAILED)
		return;
	if (!(c->flags & CONNECTION_ESTABLISHED) && c->role == ROLE_CLIENT) {
		if (new == TCP_ESTABLISHED) {
			connects(s, c, index, sk, now);
		} else if (new == TCP_CLOSE) {
			read_addresses(c, sk);
			c->flags |= CONNECTION_FAILED;
			c->error = BPF_CORE_READ(SK(sk), sk_err);
		}
		return;
	}
	if (new == TCP_CLOSE) {
		closes(s, c, sk, now);
		return;
	}
	if (fin_sent(new))
		c->flags |= CONNECTION_FIN_SENT;
	if (!c->closing && (fin_sent(new) || new == TCP_CLOSE_WAIT))
		c->closing = now;
}

SEC("raw_tp/inet_sock_set_state")
int on_state(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 sk = ctx->args[0];
	int old = ctx->args[1], new = ctx->args[2];
	__u32 home;

	if (new == TCP_SYN_SENT)
		return starts_connecting(sk);
	if (new == TCP_LISTEN)
		return starts_listening(sk);
	/* A socket of ours that comes this way met its peer's SYN half way: two initiators, no listener. */
	if (old == TCP_SYN_RECV && new == TCP_ESTABLISHED && find(sk, 0) < 0)
		return child_established(sk);
	home = home_of(sk);
	for (int i = 0; i < PROBES; i++) {
		__u32 index = (home + i) & slot_mask;
		struct slot *s = slot_at(index);
		struct connection *c = connection_at(index);

		if (!s || !c || s->sk != sk)
			continue;
		if (old == TCP_LISTEN)
			finish(sk, index, false);
		else
			changes_state(s, c, index, sk, new);
	}
	return 0;
}

SEC("raw_tp/tcp_destroy_sock")
int on_destroy(struct bpf_raw_tracepoint_args *ctx)
{
	return finish_all(ctx->args[0], false);
}

static __always_inline int mark_reset(__u64 sk, __u16 flag)
{
	__u32 home = home_of(sk);

	for (int i = 0; i < PROBES; i++) {
		__u32 index = (home + i) & slot_mask;
		struct slot *s = slot_at(index);
		struct connection *c = connection_at(index);

		if (!s || !c || s->sk != sk || c->role == ROLE_LISTENER)
			continue;
		c->flags |= flag;
		if (!c->closing)
			c->closing = bpf_ktime_get_ns();
	}
	return 0;
}

/* skb is the segment that is answered with RST; none: the application's close or linger made it, or a timer did. */
SEC("raw_tp/tcp_send_reset")
int on_send_reset(struct bpf_raw_tracepoint_args *ctx)
{
	bool kernel = ctx->args[1];

	if (!ctx->args[0])
		return 0;
	if (send_reset_args >= 3 && (kernel_reset_reasons >> (ctx->args[2] & 63)) & 1)
		kernel = true;
	return mark_reset(ctx->args[0], kernel ? CONNECTION_RESET_KERNEL : CONNECTION_RESET_APP);
}

SEC("raw_tp/tcp_receive_reset")
int on_receive_reset(struct bpf_raw_tracepoint_args *ctx)
{
	return mark_reset(ctx->args[0], CONNECTION_RESET_PEER);
}

SEC("raw_tp/tcp_retransmit_synack")
int on_retransmit_synack(struct bpf_raw_tracepoint_args *ctx)
{
	long index = find(ctx->args[0], 0);
	struct connection *c = connection_at(index);

	if (index >= 0 && c)
		__sync_fetch_and_add(&c->synack_retransmitted, 1);
	return 0;
}

/* TIME_WAIT and half-open connections are small socks without a tcp_sock. */
static __always_inline bool is_full(__u64 sk)
{
	__u8 state = BPF_CORE_READ(SK(sk), __sk_common.skc_state);

	return state != TCP_TIME_WAIT && state != TCP_NEW_SYN_RECV;
}

/* For the sending socket if the packet has one, else for the receiving one. */
SEC("raw_tp/kfree_skb")
int on_drop(struct bpf_raw_tracepoint_args *ctx)
{
	struct drop_key key = {.slot = NO_SLOT};
	__u64 *count, one = 1, sk;
	struct slot *s;
	long index;

	sk = (__u64)BPF_CORE_READ((struct sk_buff *)ctx->args[0], sk);
	if (kfree_skb_args >= 4 && (!sk || !is_full(sk)))
		sk = ctx->args[3];
	if (!sk)
		return 0;
	index = find(sk, 0);
	if (index < 0)
		return 0;
	s = slot_at(index);
	if (!s)
		return 0;
	key.slot = index;
	key.generation = s->generation;
	if (kfree_skb_args >= 3)
		key.reason = ctx->args[2];
	count = bpf_map_lookup_elem(&drops, &key);
	if (count)
		__sync_fetch_and_add(count, 1);
	else if (bpf_map_update_elem(&drops, &key, &one, BPF_NOEXIST))
		__sync_fetch_and_add(&lost_drops, 1);
	return 0;
}

#endif
