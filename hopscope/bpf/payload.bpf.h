/* The first bytes of a message, looked at in the kernel until the protocol is decided; they do not leave it. */
#ifndef HOPSCOPE_PAYLOAD_BPF_H
#define HOPSCOPE_PAYLOAD_BPF_H

#include "protocols.bpf.h"
#include "sock.bpf.h"

#if defined(__TARGET_ARCH_x86)
#define KERNEL_STACK 16384 /* THREAD_SIZE */
#define SYSCALL_NR(regs) BPF_CORE_READ(regs, orig_ax)
#define ARG1(regs) BPF_CORE_READ(regs, si)
#define ARG2(regs) BPF_CORE_READ(regs, dx)
enum {
	NR_read = 0,
	NR_write = 1,
	NR_readv = 19,
	NR_writev = 20,
	NR_sendto = 44,
	NR_recvfrom = 45,
	NR_sendmsg = 46,
	NR_recvmsg = 47,
	NR_recvmmsg = 299,
	NR_sendmmsg = 307,
	NR_preadv2 = 327,
	NR_pwritev2 = 328
};
#elif defined(__TARGET_ARCH_arm64)
#define SYSCALL_NR(regs) BPF_CORE_READ(regs, syscallno)
#define ARG1(regs) BPF_CORE_READ(regs, user_regs.regs[1])
#define ARG2(regs) BPF_CORE_READ(regs, user_regs.regs[2])
enum {
	NR_read = 63,
	NR_write = 64,
	NR_readv = 65,
	NR_writev = 66,
	NR_sendto = 206,
	NR_recvfrom = 207,
	NR_sendmsg = 211,
	NR_recvmsg = 212,
	NR_recvmmsg = 243,
	NR_sendmmsg = 269,
	NR_preadv2 = 286,
	NR_pwritev2 = 287
};
#endif

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

const volatile __u32 has_task_pt_regs = 1;

struct scratch {
	__u8 bytes[PEEK];
	struct hello_record hello;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* The registers that the current task entered the kernel with. The helper came with 5.15; before it they are
   at the top of the kernel stack (task_pt_regs() of arch/x86/include/asm/processor.h). */
static __always_inline struct pt_regs *entry_registers(void)
{
	if (has_task_pt_regs)
		return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
#if defined(__TARGET_ARCH_x86)
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return (struct pt_regs *)(BPF_CORE_READ(task, stack) + KERNEL_STACK) - 1;
#else
	return 0;
#endif
}

/* The user buffer of the socket call under way, from the registers it was made with; 0 for io_uring and pages. */
static __noinline __u64 user_buffer(void)
{
	struct user_msghdr header;
	struct user_iovec vec;
	struct pt_regs *regs;
	__u64 pointer;

	regs = entry_registers();
	if (!regs)
		return 0;
	pointer = ARG1(regs);
	switch ((int)SYSCALL_NR(regs)) {
	case NR_read:
	case NR_write:
	case NR_sendto:
	case NR_recvfrom:
		return pointer;
	case NR_sendmsg:
	case NR_recvmsg:
	case NR_sendmmsg:
	case NR_recvmmsg:
		if (bpf_probe_read_user(&header, sizeof(header), (void *)pointer))
			return 0;
		pointer = header.iov;
		break;
	case NR_readv:
	case NR_writev:
	case NR_preadv2:
	case NR_pwritev2:
		break;
	default:
		return 0;
	}
	if (bpf_probe_read_user(&vec, sizeof(vec), (void *)pointer))
		return 0;
	return vec.base;
}

static __noinline int send_hello(struct scratch *scratch, struct slot *s, __u32 index, __u64 buffer, int bytes)
{
	struct hello_record *hello = &scratch->hello;
	__u32 length = bytes > HELLO_SIZE ? HELLO_SIZE : bytes;

	barrier_var(length);
	if (!length || length > HELLO_SIZE || bpf_probe_read_user(hello->data, length, (void *)buffer))
		return 0;
	hello->kind = RECORD_HELLO;
	hello->index = index;
	hello->generation = s->generation;
	hello->length = length;
	if (bpf_ringbuf_output(&ring, hello, sizeof(*hello), BPF_RB_NO_WAKEUP))
		__sync_fetch_and_add(&lost_records[RECORD_HELLO], 1);
	return 0;
}

static __noinline int peek(__u32 index, __u32 direction, int bytes)
{
	struct connection *c = connection_at(index);
	struct slot *s = slot_at(index);
	struct scratch *scratch;
	__u32 zero = 0, length;
	int from_client;
	__u64 buffer;

	scratch = bpf_map_lookup_elem(&scratches, &zero);
	if (!c || !s || !scratch || bytes <= 0)
		return 0;
	buffer = user_buffer();
	if (!buffer)
		return 0;
	__builtin_memset(scratch->bytes, 0, PEEK);
	length = bytes > PEEK ? PEEK : bytes;
	barrier_var(length); /* else clang tests one register and passes another: refused by the verifier of 6.1 */
	if (length > PEEK || bpf_probe_read_user(scratch->bytes, length, (void *)buffer))
		return 0;
	from_client = c->role == ROLE_CLIENT ? direction == WRITE : direction == READ;
	if (from_client && scratch->bytes[0] == 0x16 && scratch->bytes[1] == 3 && scratch->bytes[5] == 1)
		send_hello(scratch, s, index, buffer, bytes);
	s->protocol = protocol_step(s->protocol, scratch->bytes, bytes, from_client);
	return 0;
}

#endif
