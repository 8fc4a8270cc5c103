/* What went wrong on a connection: resets by who sent them, SYN-ACKs sent again, packets dropped. */
#ifndef HOPSCOPE_LOSSES_BPF_H
#define HOPSCOPE_LOSSES_BPF_H

#include "sock.bpf.h"

const volatile __u32 kfree_skb_args = 3;       /* skb, location[, reason[, rx_sk]] */
const volatile __u32 send_reset_args = 2;      /* sk, skb[, reason] */
const volatile __u64 kernel_reset_reasons = 0; /* a bit for each enum sk_rst_reason that no application asked for */

static __always_inline int mark_reset(__u64 sk, __u16 flag)
{
	for (int i = 0; i < PROBES; i++) {
		__u32 index = place_of(sk, i);
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

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd

/* Addresses and ports of a TCP packet, from its headers (RFC 791 section 3.1, RFC 8200 section 3). */
static __always_inline bool read_headers(struct stray_key *key, struct sk_buff *skb)
{
	__u16 protocol = bpf_ntohs(BPF_CORE_READ(skb, protocol));
	unsigned char *ip = BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, network_header), *tcp;
	__u8 header[40] = {};
	__be16 ports[2] = {};

	if (protocol != ETH_P_IP && protocol != ETH_P_IPV6)
		return false;
	if (bpf_probe_read_kernel(header, protocol == ETH_P_IP ? 20 : 40, ip))
		return false;
	if (protocol == ETH_P_IP) {
		if (header[0] >> 4 != 4 || header[9] != IPPROTO_TCP)
			return false;
		key->source[10] = key->source[11] = key->destination[10] = key->destination[11] = 0xff;
		__builtin_memcpy(key->source + 12, header + 12, 4);
		__builtin_memcpy(key->destination + 12, header + 16, 4);
		tcp = ip + (header[0] & 15) * 4;
	} else {
		if (header[0] >> 4 != 6 || header[6] != IPPROTO_TCP)
			return false;
		__builtin_memcpy(key->source, header + 8, 16);
		__builtin_memcpy(key->destination, header + 24, 16);
		tcp = ip + 40;
	}
	if (bpf_probe_read_kernel(ports, sizeof(ports), tcp))
		return false;
	key->source_port = bpf_ntohs(ports[0]);
	key->destination_port = bpf_ntohs(ports[1]);
	key->netns = BPF_CORE_READ(skb, dev, nd_net.net, ns.inum);
	return true;
}

static __always_inline int count_drop(void *map, const void *key)
{
	__u64 *count = bpf_map_lookup_elem(map, key), one = 1;

	if (count)
		__sync_fetch_and_add(count, 1);
	else if (bpf_map_update_elem(map, key, &one, BPF_NOEXIST))
		__sync_fetch_and_add(&lost_drops, 1);
	return 0;
}

#define TIDY_WORDS 4

const volatile __u64 tidy_up[TIDY_WORDS]; /* by reason, a bit: nothing is lost by it */

static __always_inline bool is_tidy_up(__u32 reason)
{
	return reason < 64 * TIDY_WORDS && tidy_up[(reason >> 6) % TIDY_WORDS] >> (reason & 63) & 1;
}

static __noinline int strays_away(struct sk_buff *skb, __u32 reason)
{
	struct stray_key key = {.reason = reason};

	/* Every connection that ends has some of those; they would fill the table. */
	if (is_tidy_up(reason))
		return 0;
	return (trace_all || everything) && skb && read_headers(&key, skb) ? count_drop(&strays, &key) : 0;
}

/* For the sending socket if the packet has one, else for the receiving one; else user space finds out by the headers.
 */
SEC("raw_tp/kfree_skb")
int on_drop(struct bpf_raw_tracepoint_args *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx->args[0];
	__u64 sk = (__u64)BPF_CORE_READ(skb, sk);
	struct drop_key key = {};
	struct slot *s;
	long index;

	if (kfree_skb_args >= 3)
		key.reason = ctx->args[2];
	if (kfree_skb_args >= 4 && (!sk || !is_full(sk)))
		sk = ctx->args[3];
	index = sk ? find(sk, 0) : -1;
	s = slot_at(index);
	if (index < 0 || !s)
		return strays_away(skb, key.reason);
	key.slot = index;
	key.generation = s->generation;
	return count_drop(&drops, &key);
}

#endif
