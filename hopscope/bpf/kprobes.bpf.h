/* L3: the functions of L1 by kprobe and kretprobe, for kernels that refuse fentry. */
#ifndef HOPSCOPE_KPROBES_BPF_H
#define HOPSCOPE_KPROBES_BPF_H

#include "fentry.bpf.h"

#if defined(__TARGET_ARCH_x86)
#define PARAMETER0(regs) BPF_CORE_READ(regs, di)
#define PARAMETER1(regs) BPF_CORE_READ(regs, si)
#define PARAMETER3(regs) BPF_CORE_READ(regs, cx)
#define RESULT(regs) BPF_CORE_READ(regs, ax)
#elif defined(__TARGET_ARCH_arm64)
#define PARAMETER0(regs) BPF_CORE_READ(regs, user_regs.regs[0])
#define PARAMETER1(regs) BPF_CORE_READ(regs, user_regs.regs[1])
#define PARAMETER3(regs) BPF_CORE_READ(regs, user_regs.regs[3])
#define RESULT(regs) BPF_CORE_READ(regs, user_regs.regs[0])
#endif

/* What a function was entered with: its return no longer says. */
struct entry {
	__u64 socket;
	__u64 peeks;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct entry);
} entries SEC(".maps");

static __noinline int entered(__u64 socket, __u64 peeks)
{
	__u64 id = traced_thread();
	struct entry entry = {.socket = socket, .peeks = peeks};

	if (!id)
		return 0;
	bpf_map_update_elem(&entries, &id, &entry, BPF_ANY);
	return 0;
}

/* False where the entry was missed, or the process is not traced. */
static __always_inline bool left(__u64 id, struct entry *ret)
{
	struct entry *entry = bpf_map_lookup_elem(&entries, &id);

	if (!entry)
		return false;
	*ret = *entry;
	bpf_map_delete_elem(&entries, &id);
	return true;
}

__noinline int probe_moved(int bytes, __u32 direction)
{
	__u64 id = traced_thread();
	struct entry entry = {};

	if (!id || !left(id, &entry))
		return 0;
	return moved(id, sk_of((struct socket *)entry.socket), bytes, bytes > 0 && !entry.peeks, direction & 1, false);
}

__noinline int probe_begins(__u64 socket, __u32 direction)
{
	__u64 id = traced_thread();

	return id ? begins(id, sk_of((struct socket *)socket), direction & 1) : 0;
}

#define MOVING(function, direction, peeking)                                     \
	SEC("?kprobe/" #function) int probe_##function(struct pt_regs *regs)     \
	{                                                                        \
		return entered(PARAMETER0(regs), peeking);                       \
	}                                                                        \
	SEC("?kretprobe/" #function) int return_##function(struct pt_regs *regs) \
	{                                                                        \
		return probe_moved(RESULT(regs), direction);                     \
	}                                                                        \
	SEC("?kprobe/" #function) int begin_##function(struct pt_regs *regs)     \
	{                                                                        \
		return probe_begins(PARAMETER0(regs), direction);                \
	}

MOVING(inet_sendmsg, WRITE, 0)
MOVING(inet6_sendmsg, WRITE, 0)
MOVING(inet_sendpage, WRITE, 0)
MOVING(inet_recvmsg, READ, PARAMETER3(regs) & MSG_PEEK)
MOVING(inet6_recvmsg, READ, PARAMETER3(regs) & MSG_PEEK)
MOVING(tcp_splice_read, READ, 0)

SEC("?kprobe/inet_stream_connect")
int probe_inet_stream_connect(struct pt_regs *regs)
{
	struct sockaddr_any any = {};

	bpf_probe_read_kernel(&any, sizeof(any), (void *)PARAMETER1(regs));
	return connect_begins(sk_of((struct socket *)PARAMETER0(regs)), &any);
}

SEC("?kretprobe/inet_stream_connect")
int return_inet_stream_connect(struct pt_regs *regs)
{
	return connect_ends(RESULT(regs));
}

SEC("?kprobe/inet_accept")
int probe_inet_accept(struct pt_regs *regs)
{
	return entered(PARAMETER1(regs), 0);
}

SEC("?kretprobe/inet_accept")
int return_inet_accept(struct pt_regs *regs)
{
	__u64 id = traced_thread();
	struct entry entry = {};

	return id && left(id, &entry) && !(int)RESULT(regs) ? accept_ends(sk_of((struct socket *)entry.socket)) : 0;
}

SEC("?kprobe/inet_release")
int probe_inet_release(struct pt_regs *regs)
{
	return close_begins(sk_of((struct socket *)PARAMETER0(regs)));
}

SEC("?kretprobe/inet_release")
int return_inet_release(struct pt_regs *regs)
{
	return close_ends();
}

#endif
