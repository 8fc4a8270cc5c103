/* L2: socket tracepoints. Calls that are not on sockets pay nothing. */
#ifndef HOPSCOPE_TRACEPOINTS_BPF_H
#define HOPSCOPE_TRACEPOINTS_BPF_H

#include "moves.bpf.h"

SEC("?raw_tp/sock_send_length")
int on_send_length(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 id = traced_thread();
	int bytes = ctx->args[1];

	return id ? moved(id, ctx->args[0], bytes, bytes > 0, WRITE, true) : 0;
}

SEC("?raw_tp/sock_recv_length")
int on_recv_length(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 id = traced_thread();
	int bytes = ctx->args[1];

	return id ? moved(id, ctx->args[0], bytes, bytes > 0 && !(ctx->args[2] & MSG_PEEK), READ, true) : 0;
}

/* Attached while times are taken. A write begins when its first buffer is queued, a read when bytes are copied out. */
SEC("?raw_tp/tcp_sendmsg_locked")
int on_sendmsg_locked(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 id = traced_thread();

	return id ? begins(id, ctx->args[0], WRITE) : 0;
}

/* The socket of a buffer. What is read by type is a pointer, and the verifier lets nobody calculate with one but its
 * distance from another.
 */
static __always_inline __u64 sk_of_buffer(__u64 number)
{
	struct sk_buff *skb = TYPED(struct sk_buff, number);
	void *sk = skb->sk;
	long distance;

	if (!sk)
		return 0;
	distance = (char *)sk - (char *)skb;
	barrier_var(distance); /* clang would put the numbers together first */
	return number + distance;
}

SEC("?raw_tp/skb_copy_datagram_iovec")
int on_copy_datagram(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 id = traced_thread(), sk = id ? sk_of_buffer(ctx->args[0]) : 0;

	return sk ? begins(id, sk, READ) : 0;
}

#endif
