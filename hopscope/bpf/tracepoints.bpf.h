/* L2: socket tracepoints. Calls that are not on sockets pay nothing. */
#ifndef HOPSCOPE_TRACEPOINTS_BPF_H
#define HOPSCOPE_TRACEPOINTS_BPF_H

#include "moves.bpf.h"

SEC("?raw_tp/sock_send_length")
int on_send_length(struct bpf_raw_tracepoint_args *ctx)
{
	int bytes = ctx->args[1];

	return moved(ctx->args[0], bytes, bytes > 0, WRITE);
}

SEC("?raw_tp/sock_recv_length")
int on_recv_length(struct bpf_raw_tracepoint_args *ctx)
{
	int bytes = ctx->args[1];

	return moved(ctx->args[0], bytes, bytes > 0 && !(ctx->args[2] & MSG_PEEK), READ);
}

/* Attached while times are taken. A write begins when its first buffer is queued, a read when bytes are copied out. */
SEC("?raw_tp/tcp_sendmsg_locked")
int on_sendmsg_locked(struct bpf_raw_tracepoint_args *ctx)
{
	return begins(ctx->args[0], WRITE);
}

SEC("?raw_tp/skb_copy_datagram_iovec")
int on_copy_datagram(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 sk = (__u64)BPF_CORE_READ((struct sk_buff *)ctx->args[0], sk);

	return sk ? begins(sk, READ) : 0;
}

#endif
