/* Where the bytes of the socket call under way lie in the caller's memory: from the registers it was made with. */
#ifndef HOPSCOPE_BUFFERS_BPF_H
#define HOPSCOPE_BUFFERS_BPF_H

#include "sock.bpf.h"

/* clang-format off */
#if defined(__TARGET_ARCH_x86)
#define KERNEL_STACK 16384 /* THREAD_SIZE */
#define SYSCALL_NR(regs) BPF_CORE_READ(regs, orig_ax)
#define ARG1(regs) BPF_CORE_READ(regs, si)
#define ARG2(regs) BPF_CORE_READ(regs, dx)
enum { NR_read = 0, NR_write = 1, NR_readv = 19, NR_writev = 20, NR_sendto = 44, NR_recvfrom = 45, NR_sendmsg = 46, NR_recvmsg = 47, NR_recvmmsg = 299, NR_sendmmsg = 307, NR_preadv2 = 327, NR_pwritev2 = 328 };
#elif defined(__TARGET_ARCH_arm64)
#define SYSCALL_NR(regs) BPF_CORE_READ(regs, syscallno)
#define ARG1(regs) BPF_CORE_READ(regs, user_regs.regs[1])
#define ARG2(regs) BPF_CORE_READ(regs, user_regs.regs[2])
enum { NR_read = 63, NR_write = 64, NR_readv = 65, NR_writev = 66, NR_sendto = 206, NR_recvfrom = 207, NR_sendmsg = 211, NR_recvmsg = 212, NR_recvmmsg = 243, NR_sendmmsg = 269, NR_preadv2 = 286, NR_pwritev2 = 287 };
#endif
/* clang-format on */

#define USER_CS 0x33
#define BUFFERS 8 /* of a vector, looked at */

struct user_iovec {
	__u64 base;
	__u64 length;
};

struct user_msghdr {
	__u64 name;
	__u64 namelen;
	__u64 iov;
	__u64 iovlen;
};

struct user_message {
	struct user_msghdr header;
	__u64 rest[3];
	__u32 length;
	__u32 padding;
};

/* One buffer, or a vector of them. */
struct buffers {
	__u64 base;
	__u64 vector;
	__u32 count;
};

/* The last message of a vector of messages that was looked at: the hooks see them one by one. */
struct vector_place {
	__u64 vector;
	__u32 entry;
};

const volatile __u32 has_task_pt_regs = 1;

/* The registers that the current task entered the kernel with. The helper came with 5.15; before it they are
 * at the top of the kernel stack (task_pt_regs() of arch/x86/include/asm/processor.h).
 */
static __always_inline struct pt_regs *entry_registers(void)
{
	if (has_task_pt_regs)
		return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
#if defined(__TARGET_ARCH_x86)
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct pt_regs *regs = (struct pt_regs *)(BPF_CORE_READ(task, stack) + KERNEL_STACK) - 1;

	/* Kernel threads never came from user space; a stack of another size would show here too. */
	return BPF_CORE_READ(regs, cs) == USER_CS ? regs : 0;
#else
	return 0;
#endif
}

static __always_inline void buffers_of_message(struct buffers *found, __u64 header)
{
	struct user_msghdr message;

	if (bpf_probe_read_user(&message, sizeof(message), (void *)header))
		return;
	found->vector = message.iov;
	found->count = message.iovlen > BUFFERS ? BUFFERS : message.iovlen;
}

/* Each message of sendmmsg and recvmmsg is a call for the socket hooks, all for one system call. */
static __always_inline __u64 message_in(__u64 vector, __u32 count, struct vector_place *place)
{
	place->entry = place->vector == vector && place->entry + 1 < count ? place->entry + 1 : 0;
	place->vector = vector;
	return vector + place->entry * sizeof(struct user_message);
}

/* Nothing is found for io_uring, whose registers are another call's, and for pages (sendfile, splice). */
static __noinline int find_buffers(struct buffers *found, struct vector_place *place)
{
	struct pt_regs *regs = entry_registers();
	__u64 pointer, count;

	if (!regs || !found || !place)
		return 0;
	pointer = ARG1(regs);
	count = ARG2(regs);
	switch ((int)SYSCALL_NR(regs)) {
	case NR_read:
	case NR_write:
	case NR_sendto:
	case NR_recvfrom:
		found->base = pointer;
		break;
	case NR_sendmsg:
	case NR_recvmsg:
		buffers_of_message(found, pointer);
		break;
	case NR_sendmmsg:
	case NR_recvmmsg:
		buffers_of_message(found, message_in(pointer, count, place));
		break;
	case NR_readv:
	case NR_writev:
	case NR_preadv2:
	case NR_pwritev2:
		found->vector = pointer;
		found->count = count > BUFFERS ? BUFFERS : count;
		break;
	}
	return 0;
}

/* Copies up to `want` bytes, from `skip` on, to `to`, which has room for twice HELLO_SIZE. Returns how many. */
static __noinline __u32 copy_from(struct buffers *from, __u8 *to, __u32 skip, __u32 want)
{
	struct user_iovec buffer = {};
	__u32 filled = 0, length;

	if (!from || !to)
		return 0;
	buffer.base = from->base;
	buffer.length = skip + want;
	for (__u32 i = 0; i < BUFFERS; i++) {
		if (from->vector &&
		    (i >= from->count ||
		     bpf_probe_read_user(&buffer, sizeof(buffer), (void *)(from->vector + i * sizeof(buffer)))))
			break;
		if (skip >= buffer.length) {
			skip -= buffer.length;
			continue;
		}
		length = buffer.length - skip > want - filled ? want - filled : buffer.length - skip;
		barrier_var(length);
		barrier_var(filled);
		if (!length || length > HELLO_SIZE || filled > HELLO_SIZE ||
		    bpf_probe_read_user(to + filled, length, (void *)(buffer.base + skip)))
			break;
		skip = 0;
		filled += length;
		if (filled >= want || !from->vector)
			break;
	}
	return filled > want ? want : filled;
}

#endif
