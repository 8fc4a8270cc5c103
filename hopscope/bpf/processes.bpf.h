/* Processes come, change and go: where not all are traced it is decided then who is; user space hears of each. */
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

/* A cgroup that user space does not know yet is as the nearest one above that it knows. */
static __noinline int is_wanted_cgroup(struct task_struct *task)
{
	struct cgroup *at = BPF_CORE_READ(task, cgroups, dfl_cgrp);

	for (int i = 0; i < CGROUP_DEPTH && at; i++) {
		__u64 number = BPF_CORE_READ(at, kn, id);
		__u32 *wanted = bpf_map_lookup_elem(&cgroups, &number);

		if (wanted)
			return *wanted;
		at = (struct cgroup *)BPF_CORE_READ(at, self.parent);
	}
	return 0;
}

static __always_inline void decide(struct task_struct *task, __u32 tgid)
{
	if (!trace_all)
		set_traced(tgid, bpf_map_lookup_elem(&marked, &tgid) || is_wanted_cgroup(task));
}

static __always_inline void mark(__u32 tgid, __u32 why)
{
	if (bpf_map_update_elem(&marked, &tgid, &why, BPF_ANY))
		__sync_fetch_and_add(&lost_marks, 1);
}

/* A child is marked as its parent is; what is left of an earlier process of its number goes. */
static __always_inline void inherit_mark(__u32 tgid, __u32 parent)
{
	__u32 *why;

	if (trace_all)
		return;
	why = bpf_map_lookup_elem(&marked, &parent);
	if (why)
		mark(tgid, *why);
	else
		bpf_map_delete_elem(&marked, &tgid);
}

static __always_inline void mark_unjudged(__u32 tgid)
{
	if (!bpf_map_lookup_elem(&marked, &tgid))
		mark(tgid, MARK_UNJUDGED);
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
	inherit_mark(tgid, BPF_CORE_READ(parent, tgid));
	decide(child, tgid);
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
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct exec_record *r;
	__u32 length;

	if (!trace_all && judge_execs)
		mark_unjudged(tgid);
	decide(task, tgid);
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

	/* Its first thread may end before the others. */
	if (!trace_all && !BPF_CORE_READ(task, signal, live.counter)) {
		bpf_map_delete_elem(&marked, &tgid);
		set_traced(tgid, 0);
	}
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

/* A process is moved as a whole, or its threads one by one, the first of which stands for it. */
SEC("raw_tp/cgroup_attach_task")
int on_attach(struct bpf_raw_tracepoint_args *ctx)
{
	struct cgroup *to = (struct cgroup *)ctx->args[0];
	struct task_struct *task = (struct task_struct *)ctx->args[2];
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct process_record *r;

	if (!ctx->args[3] && BPF_CORE_READ(task, pid) != tgid)
		return 0;
	if (!trace_all && judge_moves && BPF_CORE_READ(task, cgroups, dfl_cgrp) != to)
		mark_unjudged(tgid);
	decide(task, tgid);
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		__sync_fetch_and_add(&lost_records[RECORD_MOVED], 1);
		return 0;
	}
	fill(r, RECORD_MOVED, task);
	r->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	bpf_ringbuf_submit(r, wake());
	return 0;
}

/* Decides anew for everybody, when what is wanted has changed. */
SEC("?iter/task")
int decide_all(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task && BPF_CORE_READ(task, pid) == BPF_CORE_READ(task, tgid))
		decide(task, BPF_CORE_READ(task, tgid));
	return 0;
}

#endif
