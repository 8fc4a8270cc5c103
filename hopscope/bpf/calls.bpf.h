/* Whole calls of connect, accept and close, where a hook sees them (fentry, system calls). */
#ifndef HOPSCOPE_CALLS_BPF_H
#define HOPSCOPE_CALLS_BPF_H

#include "moves.bpf.h"

struct call {
	__u64 start;
	__u64 sk;
	__u32 row;
	__u32 remote_port;
	__u8 remote[16];
};

/* clang-format off */
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 8192); __type(key, __u64); __type(value, struct call); } calls SEC(".maps");
/* clang-format on */

struct sockaddr_any {
	__u16 family;
	__be16 port;
	__u32 v4;
	__u8 v6[16];
};

static __always_inline int call_begins(__u64 sk)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct call call = {.start = bpf_ktime_get_ns(), .sk = sk};

	bpf_map_update_elem(&calls, &id, &call, BPF_ANY);
	return 0;
}

static __noinline int connect_begins(__u64 sk, struct sockaddr_any *address)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct call call = {.start = bpf_ktime_get_ns(), .sk = sk};

	if (!address || !is_traced(id >> 32) || !is_tcp(sk))
		return 0;
	call.remote_port = bpf_ntohs(address->port);
	if (address->family == AF_INET6) {
		__builtin_memcpy(call.remote, address->v6, 16);
	} else {
		call.remote[10] = call.remote[11] = 0xff;
		__builtin_memcpy(call.remote + 12, &address->v4, 4);
	}
	bpf_map_update_elem(&calls, &id, &call, BPF_ANY);
	return 0;
}

/* Refused before a SYN was sent (no route, no port): no state change tells, so the call does. */
static __always_inline int never_sent(struct call *call, __u32 tgid, int error)
{
	struct closed_record *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);

	if (!r) {
		__sync_fetch_and_add(&lost_records[RECORD_CLOSED], 1);
		return 0;
	}
	__builtin_memset(r, 0, sizeof(*r));
	r->kind = RECORD_CLOSED;
	r->index = NO_SLOT;
	r->slot.tgid = tgid;
	r->connection.role = ROLE_CLIENT;
	r->connection.flags = CONNECTION_FAILED;
	r->connection.error = error;
	r->connection.remote_port = call->remote_port;
	__builtin_memcpy(r->connection.remote, call->remote, 16);
	r->connection.local[10] = r->connection.local[11] = 0xff;
	bpf_get_current_comm(r->connection.comm, COMM_SIZE);
	bpf_ringbuf_submit(r, wake());
	return 0;
}

#define EINPROGRESS 115
#define EALREADY 114
#define EISCONN 106
#define EINTR 4
#define ERESTARTSYS 512

static __noinline int connect_ends(int ret)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct call *call = bpf_map_lookup_elem(&calls, &id);
	struct connection *c;
	long index;

	if (!call)
		return 0;
	index = find(call->sk, id >> 32);
	c = connection_at(index);
	if (index >= 0 && c) {
		c->connect_call_ns = bpf_ktime_get_ns() - call->start;
	} else if (ret < 0 && ret != -EINPROGRESS && ret != -EALREADY && ret != -EISCONN && ret != -EINTR &&
		   ret != -ERESTARTSYS && call->remote_port) {
		never_sent(call, id >> 32, -ret);
	}
	bpf_map_delete_elem(&calls, &id);
	return 0;
}

static __noinline int accept_ends(__u64 child)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	long index = find(child, 0);
	struct connection *c = connection_at(index);
	struct slot *s = slot_at(index);

	if (index < 0 || !c || !s || c->flags & CONNECTION_ACCEPTED)
		return 0;
	if (!s->tgid)
		claim_for(s, c, tgid);
	c->accept_queue_ns = bpf_ktime_get_ns() - c->opened;
	c->flags |= CONNECTION_ACCEPTED;
	return 0;
}

static __noinline int close_begins(__u64 sk)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct call call = {.start = bpf_ktime_get_ns()};
	long index = find(sk, id >> 32);
	struct slot *s = slot_at(index);

	if (index < 0 || !s)
		return 0;
	call.row = s->row;
	bpf_map_update_elem(&calls, &id, &call, BPF_ANY);
	return 0;
}

static __noinline int close_ends(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct call *call = bpf_map_lookup_elem(&calls, &id);
	struct row *row;

	if (!call)
		return 0;
	row = bpf_map_lookup_elem(&rows, &call->row);
	if (row)
		observe(&row->close_call, bpf_ktime_get_ns() - call->start);
	bpf_map_delete_elem(&calls, &id);
	return 0;
}

#endif
