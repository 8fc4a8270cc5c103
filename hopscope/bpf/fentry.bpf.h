/* L1: entry and exit of the socket layer's own functions: whole calls, waiting included. */
#ifndef HOPSCOPE_FENTRY_BPF_H
#define HOPSCOPE_FENTRY_BPF_H

#include "calls.bpf.h"
#include <bpf/bpf_tracing.h>

/* Read, not taken: a number carries no type, so the shared bodies stay the same. */
static __always_inline __u64 sk_of(struct socket *socket)
{
	return (__u64)BPF_CORE_READ(socket, sk);
}

static __always_inline int socket_moved(struct socket *socket, int bytes, bool counted, __u32 direction)
{
	__u64 id = traced_thread();

	return id ? moved(id, sk_of(socket), bytes, counted, direction, false) : 0;
}

static __always_inline int socket_begins(struct socket *socket, __u32 direction)
{
	__u64 id = traced_thread();

	return id ? begins(id, sk_of(socket), direction) : 0;
}

SEC("?fexit/inet_sendmsg")
int BPF_PROG(on_inet_sendmsg, struct socket *socket, struct msghdr *msg, __u64 size, int ret)
{
	return socket_moved(socket, ret, ret > 0, WRITE);
}

SEC("?fexit/inet6_sendmsg")
int BPF_PROG(on_inet6_sendmsg, struct socket *socket, struct msghdr *msg, __u64 size, int ret)
{
	return socket_moved(socket, ret, ret > 0, WRITE);
}

/* Until 6.5 sendfile and splice went by a function of their own. */
SEC("?fexit/inet_sendpage")
int BPF_PROG(on_inet_sendpage, struct socket *socket, void *page, int offset, __u64 size, int flags, int ret)
{
	return socket_moved(socket, ret, ret > 0, WRITE);
}

SEC("?fexit/inet_recvmsg")
int BPF_PROG(on_inet_recvmsg, struct socket *socket, struct msghdr *msg, __u64 size, int flags, int ret)
{
	return socket_moved(socket, ret, ret > 0 && !(flags & MSG_PEEK), READ);
}

SEC("?fexit/inet6_recvmsg")
int BPF_PROG(on_inet6_recvmsg, struct socket *socket, struct msghdr *msg, __u64 size, int flags, int ret)
{
	return socket_moved(socket, ret, ret > 0 && !(flags & MSG_PEEK), READ);
}

/* A splice out of a socket passes no recvmsg. */
SEC("?fexit/tcp_splice_read")
int BPF_PROG(on_tcp_splice_read, struct socket *socket, void *position, void *pipe, __u64 size, __u32 flags, long ret)
{
	return socket_moved(socket, ret, ret > 0, READ);
}

SEC("?fentry/inet_sendmsg")
int BPF_PROG(enter_inet_sendmsg, struct socket *socket)
{
	return socket_begins(socket, WRITE);
}

SEC("?fentry/inet6_sendmsg")
int BPF_PROG(enter_inet6_sendmsg, struct socket *socket)
{
	return socket_begins(socket, WRITE);
}

SEC("?fentry/inet_sendpage")
int BPF_PROG(enter_inet_sendpage, struct socket *socket)
{
	return socket_begins(socket, WRITE);
}

SEC("?fentry/inet_recvmsg")
int BPF_PROG(enter_inet_recvmsg, struct socket *socket)
{
	return socket_begins(socket, READ);
}

SEC("?fentry/inet6_recvmsg")
int BPF_PROG(enter_inet6_recvmsg, struct socket *socket)
{
	return socket_begins(socket, READ);
}

SEC("?fentry/tcp_splice_read")
int BPF_PROG(enter_tcp_splice_read, struct socket *socket)
{
	return socket_begins(socket, READ);
}

SEC("?fentry/inet_stream_connect")
int BPF_PROG(enter_inet_stream_connect, struct socket *socket, void *address, int length)
{
	struct sockaddr_any any = {};

	bpf_probe_read_kernel(&any, sizeof(any), address);
	return connect_begins(sk_of(socket), &any);
}

SEC("?fexit/inet_stream_connect")
int BPF_PROG(on_inet_stream_connect, struct socket *socket, void *address, int length, int flags, int ret)
{
	return connect_ends(ret);
}

/* 6.10 put three of inet_accept's arguments into one. */
SEC("?fexit/inet_accept")
int BPF_PROG(on_inet_accept3, struct socket *socket, struct socket *child, void *arg, int ret)
{
	return ret ? 0 : accept_ends(sk_of(child));
}

SEC("?fexit/inet_accept")
int BPF_PROG(on_inet_accept4, struct socket *socket, struct socket *child, int flags, bool kern, int ret)
{
	return ret ? 0 : accept_ends(sk_of(child));
}

SEC("?fentry/inet_release")
int BPF_PROG(enter_inet_release, struct socket *socket)
{
	return close_begins(sk_of(socket));
}

SEC("?fexit/inet_release")
int BPF_PROG(on_inet_release, struct socket *socket)
{
	return close_ends();
}

#endif
