/* What went wrong on a connection: resets by who sent them, SYN-ACKs sent again, packets dropped. */
#ifndef HOPSCOPE_LOSSES_BPF_H
#define HOPSCOPE_LOSSES_BPF_H

#include "sock.bpf.h"

const volatile __u32 kfree_skb_args = 3;       /* skb, location[, reason[, rx_sk]] */
const volatile __u32 send_reset_args = 2;      /* sk, skb[, reason] */
const volatile __u64 kernel_reset_reasons = 0; /* a bit for each enum sk_rst_reason that no application asked for */

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
