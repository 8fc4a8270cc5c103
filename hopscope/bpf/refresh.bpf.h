/* Looks from user space's side: at the slots it names, and at the sockets that were open before us. */
#ifndef HOPSCOPE_REFRESH_BPF_H
#define HOPSCOPE_REFRESH_BPF_H

#include "finish.bpf.h"

__u64 jiffies_now, jiffies_at; /* jiffies and ktime of one moment: user space learns HZ from two of them */

/* Whether there is a new reading; of an idle connection the last one holds, and it is asked for no more than that.
 * The socket may be freed while it is read: what was read counts only if the slot still holds it afterwards, and says
 * which generation it is of, in case the slot changes hands after that.
 */
__noinline int look_at(__u32 index)
{
	struct connection *c = connection_at(index);
	struct slot *s = slot_at(index);
	struct truths found = {};
	__u32 generation;
	bool layered;
	__u64 sk;

	if (!s || !c)
		return 0;
	sk = *(volatile __u64 *)&s->sk;
	generation = *(volatile __u32 *)&s->generation;
	if (sk <= SK_RESERVED || c->state == TCP_CLOSE)
		return 0;
	if (c->truths.generation == generation) {
		if (c->role != ROLE_LISTENER && c->truths.at && is_idle(&c->truths, sk))
			return 0;
		found = c->truths;
	}
	found.generation = generation;
	if (is_layered(sk))
		c->flags |= CONNECTION_LAYERED;
	if (c->role == ROLE_LISTENER)
		read_listener(&found, sk);
	else
		read_truths(&found, sk, ours_of(c));
	layered = is_layered(sk);
	if (*(volatile __u64 *)&s->sk != sk || *(volatile __u32 *)&s->generation != generation)
		return 0;
	if (c->state == TCP_CLOSE)
		return 0;
	/* Before the reading: no total of it may be taken for the application's. */
	if (layered && !(c->flags & CONNECTION_LAYERED))
		c->flags |= CONNECTION_LAYERED;
	c->truths = found;
	return 1;
}

/* Run by user space, never attached. A stalled connection makes no call and is the one to diagnose. Those without a
 * new reading are crossed out, so that user space need not go through their memory again.
 */
SEC("?raw_tp")
int look(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 first = ctx->args[0], count = ctx->args[1];

	jiffies_now = bpf_jiffies64();
	jiffies_at = bpf_ktime_get_ns();
	for (__u32 i = 0; i < LOOKS_A_RUN; i++) {
		__u32 place = first + i, *index;

		if (i >= count)
			break;
		index = bpf_map_lookup_elem(&wanted, &place);
		if (index && !look_at(*index))
			*index = NO_SLOT;
	}
	return 0;
}

/* Run by user space, never attached: lets go of connections whose processes are no longer traced. A call that is under
 * way on another processor has found its slot already and may still count there: it has some 100 ns for that until the
 * next connection could have the slot, which starts it from zero.
 */
SEC("?raw_tp")
int release(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 first = ctx->args[0], count = ctx->args[1];

	for (__u32 i = 0; i < LOOKS_A_RUN; i++) {
		__u32 place = first + i, *index;
		struct connection *c;
		struct slot *s;
		__u64 sk;

		if (i >= count)
			break;
		index = bpf_map_lookup_elem(&wanted, &place);
		s = index ? slot_at(*index) : 0;
		c = index ? connection_at(*index) : 0;
		if (!s || !c)
			continue;
		sk = *(volatile __u64 *)&s->sk;
		if (sk <= SK_RESERVED)
			continue;
		c->flags |= CONNECTION_RELEASED;
		finish(sk, *index, false);
	}
	return 0;
}

/* What measuring a program costs by itself: run by user space, never attached. */
SEC("?raw_tp")
int nothing(struct bpf_raw_tracepoint_args *ctx)
{
	return 0;
}

/* Sockets that were open before us: every file of every process, in any namespace. */
SEC("?iter/task_file")
int prime(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	struct task_struct *task = ctx->task;
	struct connection *c;
	struct socket *socket;
	__u32 tgid;
	__u64 sk;
	__u8 state;
	bool opened;
	long index;

	if (!file || !task)
		return 0;
	tgid = BPF_CORE_READ(task, tgid);
	if (!is_traced(tgid))
		return 0;
	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	sk = (__u64)BPF_CORE_READ(socket, sk);
	if (!sk || !is_tcp(sk))
		return 0;
	state = BPF_CORE_READ(SK(sk), __sk_common.skc_state);
	if (state == TCP_CLOSE)
		return 0;
	index = find(sk, tgid);
	if (index >= 0)
		return 0;
	opened = state != TCP_LISTEN && state != TCP_SYN_SENT;
	index = enrol(sk, tgid, CONNECTION_OLDER | (opened ? CONNECTION_ESTABLISHED : 0));
	c = connection_at(index);
	if (index < 0 || !c)
		return 0;
	if (state == TCP_LISTEN)
		count_listener(c, 1);
	c->cgroup = 0; /* current is the agent */
	task = BPF_CORE_READ(task, group_leader);
	bpf_core_read(c->comm, COMM_SIZE, &task->comm);
	return 0;
}

#endif
