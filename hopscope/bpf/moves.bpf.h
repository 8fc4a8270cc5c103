/* Counting of reads and writes: the body behind every door (tracepoint, fentry, kprobe, system call). */
#ifndef HOPSCOPE_MOVES_BPF_H
#define HOPSCOPE_MOVES_BPF_H

#include "sock.bpf.h"
#include "payload.bpf.h"

/* The smoothed RTT changes slowly: one write in eight reads it. */
#define RTT_EVERY 8

/* Index of the log-linear histogram: 8 buckets per octave from 128 ns, 0 below, the last from 2^36 ns on. */
static __always_inline __u32 bucket_of(__u64 ns)
{
	__u32 log = 0;
	__u64 v = ns;

	if (ns < 128)
		return 0;
	if (ns >> 36)
		return HISTOGRAM_BUCKETS - 1;
	if (v >> 32) {
		v >>= 32;
		log += 32;
	}
	if (v >> 16) {
		v >>= 16;
		log += 16;
	}
	if (v >> 8) {
		v >>= 8;
		log += 8;
	}
	if (v >> 4) {
		v >>= 4;
		log += 4;
	}
	if (v >> 2) {
		v >>= 2;
		log += 2;
	}
	log += v >> 1;
	return 1 + 8 * (log - 7) + ((ns >> (log - 3)) & 7);
}

static __always_inline void observe(struct timing *t, __u64 ns)
{
	__u32 bucket = bucket_of(ns);

	if (bucket < HISTOGRAM_BUCKETS)
		__sync_fetch_and_add(&t->histogram[bucket], 1);
	/* Last: where it has grown user space looks at the histogram. */
	__sync_fetch_and_add(&t->ns, ns);
}

static __always_inline void finish_time(struct slot *s, __u32 direction)
{
	__u64 ns = bpf_ktime_get_ns() - s->start[direction];
	struct row *row = bpf_map_lookup_elem(&rows, &s->row);

	s->start[direction] = 0;
	if (row)
		observe(direction == READ ? &row->move[READ] : &row->move[WRITE], ns);
}

static __always_inline void sample_rtt(struct slot *s, __u64 sk, bool typed)
{
	__u32 srtt = (typed ? TYPED(struct tcp_sock, sk)->srtt_us : BPF_CORE_READ(TP(sk), srtt_us)) >> 3;
	struct row *row;

	row = bpf_map_lookup_elem(&rows, &s->row);
	if (row && srtt)
		observe(&row->rtt, (__u64)srtt * 1000);
}

/* Enrolled at its first call: what that call moved is not from before us. */
static __always_inline void rebase(__u32 index, __u64 since, __u32 bytes, __u32 direction)
{
	struct connection *c = connection_at(index);

	if (!c || c->opened < since)
		return;
	if (direction == READ)
		c->base.received -= bytes;
	else
		c->base.sent -= bytes;
}

/* The current thread, its process in the upper half; 0 where that is not traced, which is asked before all else. */
static __always_inline __u64 traced_thread(void)
{
	__u64 id = bpf_get_current_pid_tgid();

	return is_traced(id >> 32) ? id : 0;
}

/* Not at home: another place, a new connection, an overflow slot, or nothing of ours. */
__noinline long slow_index(__u64 sk, __u32 tgid, __u32 bytes, __u32 direction)
{
	__u64 now;
	long index;

	index = find(sk, tgid);
	if (index >= 0)
		return index;
	if (!is_tcp(sk))
		return -1;
	now = bpf_ktime_get_ns();
	index = enrol(sk, tgid, CONNECTION_OLDER | CONNECTION_ESTABLISHED);
	if (index >= 0) {
		rebase(index, now, bytes, direction);
		return index;
	}
	/* A beginning: no call to count yet, and an overflow slot has no room for the beginnings of many. */
	if (!bytes)
		return -1;
	__sync_fetch_and_add(&overflowed, 1);
	index = overflow(tgid);
	if (index < 0)
		__sync_fetch_and_add(&uncounted, 1);
	return index;
}

/* Finished calls of a traced thread that moved bytes; none when the call failed or peeked.
 * typed: the kernel's structs may be read by type.
 */
static __always_inline int moved(__u64 id, __u64 sk, __u32 bytes, __u32 calls, __u32 direction, bool typed)
{
	__u32 index = home_of(sk);
	struct slot *s = slot_at(index);
	__u64 before;

	if (!s)
		return 0;
	if (s->sk != sk || s->tgid != id >> 32) {
		long other;

		if (!calls)
			return 0;
		other = slow_index(sk, id >> 32, bytes, direction);
		if (other < 0)
			return 0;
		index = other;
		s = slot_at(index);
		if (!s)
			return 0;
	}
	if (!calls) {
		/* The next call must not be timed from here. */
		if (s->start[direction] && s->thread[direction] == (__u32)id)
			s->start[direction] = 0;
		return 0;
	}
	before = s->moved[direction];
	__sync_fetch_and_add(&s->moved[direction], ((__u64)calls << CALLS_SHIFT) + bytes);
	if (s->start[direction] && s->thread[direction] == (__u32)id)
		finish_time(s, direction);
	if (direction == WRITE && !((before >> CALLS_SHIFT) % RTT_EVERY))
		sample_rtt(s, sk, typed);
	if (!PROTOCOL_DECIDED(s->protocol))
		peek(index, direction, bytes);
	return 0;
}

/* A call begins; the first hit of a call wins (one call may pass here once per packet buffer). */
static __always_inline int begins(__u64 id, __u64 sk, __u32 direction)
{
	__u32 index = home_of(sk);
	struct slot *s = slot_at(index);

	if (!s)
		return 0;
	if (s->sk != sk || s->tgid != id >> 32) {
		long other = slow_index(sk, id >> 32, 0, direction);

		if (other < 0)
			return 0;
		index = other;
		s = slot_at(index);
		if (!s)
			return 0;
	}
	if (s->start[direction] && s->thread[direction] == (__u32)id)
		return 0;
	s->thread[direction] = id;
	s->start[direction] = bpf_ktime_get_ns();
	return 0;
}

#endif
