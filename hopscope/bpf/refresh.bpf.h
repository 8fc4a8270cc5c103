/* Iterators: the once-a-second look at every slot, and the sockets that were open before us. */
#ifndef HOPSCOPE_REFRESH_BPF_H
#define HOPSCOPE_REFRESH_BPF_H

#include "sock.bpf.h"

__u64 jiffies_now, jiffies_at; /* jiffies and ktime of one moment: user space learns HZ from two of them */

/* A stalled connection makes no call and is the one to diagnose, so every slot is looked at. */
SEC("?iter/bpf_map_elem")
int refresh(struct bpf_iter__bpf_map_elem *ctx)
{
	struct slot *s = ctx->value;
	__u32 *key = ctx->key, index;
	struct connection *c;
	__u64 sk;

	if (!s || !key)
		return 0;
	index = *key;
	if (!index) {
		jiffies_now = bpf_jiffies64();
		jiffies_at = bpf_ktime_get_ns();
	}
	sk = s->sk;
	if (sk <= SK_RESERVED)
		return 0;
	c = connection_at(index);
	if (!c)
		return 0;
	if (c->role == ROLE_LISTENER)
		read_listener(&c->truths, sk);
	else if (c->truths.at == 0 || !is_idle(&c->truths, sk))
		read_truths(&c->truths, sk);
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
	long index;

	if (!file || !task)
		return 0;
	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	sk = (__u64)BPF_CORE_READ(socket, sk);
	tgid = BPF_CORE_READ(task, tgid);
	if (!sk || !is_traced(tgid) || !is_tcp(sk))
		return 0;
	state = BPF_CORE_READ(SK(sk), __sk_common.skc_state);
	if (state == TCP_CLOSE)
		return 0;
	index = find(sk, tgid);
	if (index >= 0)
		return 0;
	index = enrol(sk, tgid, CONNECTION_OLDER | (state == TCP_LISTEN ? 0 : CONNECTION_ESTABLISHED));
	c = connection_at(index);
	if (index < 0 || !c)
		return 0;
	c->cgroup = 0; /* current is the agent */
	bpf_core_read(c->comm, COMM_SIZE, &task->comm);
	return 0;
}

#endif
