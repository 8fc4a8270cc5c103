/* Processes come, change and go: who is traced follows the parent and the cgroup; user space hears of each. */
#ifndef HOPSCOPE_PROCESSES_BPF_H
#define HOPSCOPE_PROCESSES_BPF_H

#include "sock.bpf.h"

static __always_inline void set_traced(__u32 tgid, __u8 traced)
{
	__u32 chunk = tgid / PROCESS_BYTES;
	struct process_bytes *bytes = bpf_map_lookup_elem(&processes, &chunk);

	if (bytes)
		bytes->traced[tgid % PROCESS_BYTES] = traced;
}

static __always_inline __u8 get_traced(__u32 tgid)
{
	__u32 chunk = tgid / PROCESS_BYTES;
	struct process_bytes *bytes = bpf_map_lookup_elem(&processes, &chunk);

	return bytes ? bytes->traced[tgid % PROCESS_BYTES] : 0;
}

static __always_inline void fill(struct process_record *r, enum record_kind kind, struct task_struct *task)
{
	r->kind = kind;
	r->tgid = BPF_CORE_READ(task, tgid);
	r->parent = BPF_CORE_READ(task, real_parent, tgid);
	r->args_length = 0;
	r->start = BPF_CORE_READ(task, group_leader, start_boottime);
	bpf_core_read(r->comm, COMM_SIZE, &task->comm);
}

SEC("raw_tp/sched_process_fork")
int on_fork(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *parent = (struct task_struct *)ctx->args[0], *child = (struct task_struct *)ctx->args[1];
	__u32 tgid = BPF_CORE_READ(child, tgid);
	struct process_record *r;

	if (BPF_CORE_READ(child, pid) != tgid)
		return 0;
	set_traced(tgid, get_traced(BPF_CORE_READ(parent, tgid)));
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		__sync_fetch_and_add(&lost_records[RECORD_FORK], 1);
		return 0;
	}
	fill(r, RECORD_FORK, child);
	r->parent = BPF_CORE_READ(parent, tgid);
	r->cgroup = bpf_get_current_cgroup_id();
	bpf_ringbuf_submit(r, wake());
	return 0;
}

SEC("raw_tp/sched_process_exec")
int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx->args[0];
	struct linux_binprm *bprm = (struct linux_binprm *)ctx->args[2];
	unsigned long start, end;
	struct exec_record *r;
	__u32 length;

	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		__sync_fetch_and_add(&lost_records[RECORD_EXEC], 1);
		return 0;
	}
	fill(&r->process, RECORD_EXEC, task);
	r->process.cgroup = bpf_get_current_cgroup_id();
	r->filename[0] = 0;
	bpf_probe_read_kernel_str(r->filename, FILENAME_SIZE, BPF_CORE_READ(bprm, filename));
	start = BPF_CORE_READ(task, mm, arg_start);
	end = BPF_CORE_READ(task, mm, arg_end);
	length = end - start > ARGS_SIZE ? ARGS_SIZE : end - start;
	if (length && length <= ARGS_SIZE && !bpf_probe_read_user(r->args, length, (void *)start))
		r->process.args_length = length;
	bpf_ringbuf_submit(r, wake());
	return 0;
}

SEC("raw_tp/sched_process_exit")
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx->args[0];
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct process_record *r;

	if (BPF_CORE_READ(task, pid) != tgid)
		return 0;
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		__sync_fetch_and_add(&lost_records[RECORD_EXIT], 1);
		return 0;
	}
	fill(r, RECORD_EXIT, task);
	r->cgroup = bpf_get_current_cgroup_id();
	bpf_ringbuf_submit(r, wake());
	return 0;
}

#endif
