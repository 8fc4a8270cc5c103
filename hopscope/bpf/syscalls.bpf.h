/* L4: raw system calls, for kernels that offer nothing closer. Every call of every process passes here. */
#ifndef HOPSCOPE_SYSCALLS_BPF_H
#define HOPSCOPE_SYSCALLS_BPF_H

#include "calls.bpf.h"

#define MAX_MESSAGES 1024 /* UIO_MAXIOV */
#define USER32_CS 0x23
#define PSR_MODE32_BIT 0x10

#if defined(__TARGET_ARCH_x86)
#define ARG0(regs) BPF_CORE_READ(regs, di)
#define ARG3(regs) BPF_CORE_READ(regs, r10)
enum {
	NR_close = 3,
	NR_sendfile = 40,
	NR_connect = 42,
	NR_accept = 43,
	NR_splice = 275,
	NR_accept4 = 288,
	NR_preadv = 295,
	NR_pwritev = 296
};
#elif defined(__TARGET_ARCH_arm64)
#define ARG0(regs) BPF_CORE_READ(regs, orig_x0)
#define ARG3(regs) BPF_CORE_READ(regs, user_regs.regs[3])
enum {
	NR_close = 57,
	NR_sendfile = 71,
	NR_connect = 203,
	NR_accept = 202,
	NR_splice = 76,
	NR_accept4 = 242,
	NR_preadv = 69,
	NR_pwritev = 70
};
#endif

struct user_mmsghdr {
	__u64 header[7];
	__u32 length;
	__u32 padding;
};

/* The socket behind a descriptor of the current process; 0 when it is none. */
static __noinline __u64 sk_behind(__u32 fd)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files, *file = 0;
	struct socket *socket;

	if (fd >= BPF_CORE_READ(table, max_fds))
		return 0;
	files = BPF_CORE_READ(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	return (__u64)BPF_CORE_READ(socket, sk);
}

/* The descriptor that a call writes to or reads from; -1 when the call moves nothing. */
static __always_inline int moves_on(struct pt_regs *regs, int nr, __u32 *direction)
{
	switch (nr) {
	case NR_write:
	case NR_writev:
	case NR_pwritev:
	case NR_pwritev2:
	case NR_sendto:
	case NR_sendmsg:
	case NR_sendmmsg:
	case NR_sendfile:
		*direction = WRITE;
		return ARG0(regs);
	case NR_read:
	case NR_readv:
	case NR_preadv:
	case NR_preadv2:
	case NR_recvfrom:
	case NR_recvmsg:
	case NR_recvmmsg:
		*direction = READ;
		return ARG0(regs);
	case NR_splice:
		*direction = WRITE;
		return ARG2(regs);
	default:
		return -1;
	}
}

/* The socket that a call moves bytes on; 0 when there is none. */
static __always_inline __u64 socket_of(struct pt_regs *regs, int nr, __u32 *direction)
{
	int fd = moves_on(regs, nr, direction);
	__u64 sk;

	if (fd < 0)
		return 0;
	sk = sk_behind(fd);
	if (sk || nr != NR_splice)
		return sk;
	*direction = READ;
	return sk_behind(ARG0(regs));
}

/* 32-bit programs number their calls otherwise: theirs are not counted. */
static __always_inline bool is_foreign(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(regs, cs) == USER32_CS;
#else
	return BPF_CORE_READ(regs, user_regs.pstate) & PSR_MODE32_BIT;
#endif
}

static __always_inline bool peeks(struct pt_regs *regs, int nr)
{
	if (nr == NR_recvfrom || nr == NR_recvmmsg)
		return ARG3(regs) & MSG_PEEK;
	return nr == NR_recvmsg && ARG2(regs) & MSG_PEEK;
}

/* One message is one call here as elsewhere: the kernel runs a send or a receive for each. Calls and bytes packed. */
__noinline __u64 count_messages(__u64 vector, __u32 count)
{
	__u64 sum = 0, negative;

	for (__u32 i = 0; i < MAX_MESSAGES; i++) {
		__u32 length = 0;

		if (i >= count)
			break;
		bpf_probe_read_user(&length, sizeof(length), (void *)(vector + i * sizeof(struct user_mmsghdr) + 56));
		/* No branch, and clang must not make one: the verifier would follow both ways of each message. */
		negative = -(__u64)length;
		asm volatile("" : "+r"(negative));
		sum += ((negative >> 63) << CALLS_SHIFT) + length;
	}
	return sum;
}

__noinline int syscall_moved(__u64 id, __u64 sk, __u32 bytes, __u32 calls, __u32 direction)
{
	return moved(id, sk, bytes, calls, direction & 1, false);
}

SEC("?raw_tp/sys_exit")
int on_sys_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)ctx->args[0];
	__u64 id = traced_thread(), sk;
	long ret = ctx->args[1];
	__u32 direction = WRITE;
	int nr;

	if (!id || is_foreign(regs))
		return 0;
	nr = SYSCALL_NR(regs);
	if (nr == NR_connect)
		return connect_ends(ret);
	if (nr == NR_close)
		return close_ends();
	if ((nr == NR_accept || nr == NR_accept4) && ret >= 0) {
		sk = sk_behind(ret);
		return sk ? accept_ends(sk) : 0;
	}
	sk = socket_of(regs, nr, &direction);
	if (!sk)
		return 0;
	if ((nr == NR_sendmmsg || nr == NR_recvmmsg) && ret > 0 && !peeks(regs, nr)) {
		__u64 sum = count_messages(ARG1(regs), ret);

		return syscall_moved(id, sk, sum, sum >> CALLS_SHIFT, direction);
	}
	return syscall_moved(id, sk, ret, ret > 0 && !peeks(regs, nr), direction);
}

SEC("?raw_tp/sys_enter")
int on_sys_enter(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)ctx->args[0];
	__u64 id = traced_thread(), sk;
	struct sockaddr_any any = {};
	__u32 direction = WRITE;
	int nr = ctx->args[1];

	if (!id || is_foreign(regs))
		return 0;
	if (nr != NR_connect && nr != NR_close) {
		sk = socket_of(regs, nr, &direction);
		return sk ? begins(id, sk, direction & 1) : 0;
	}
	sk = sk_behind(ARG0(regs));
	if (!sk)
		return 0;
	if (nr == NR_close)
		return close_begins(sk);
	bpf_probe_read_user(&any, sizeof(any), (void *)ARG1(regs));
	return connect_begins(sk, &any);
}

#endif
