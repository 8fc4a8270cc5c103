/* From a socket to its slot: lookup, enrolment, release. A socket is a number here (its kernel address), never a typed
 * pointer, so that one body serves tracepoints, fentry, kprobes and system calls alike.
 */
#ifndef HOPSCOPE_SOCK_BPF_H
#define HOPSCOPE_SOCK_BPF_H

#include "halves.bpf.h"
#include "truths.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* Sockets that lie together have slots that do, so a thousand connections are in half as many pages as scattered ones.
 * No two sockets are nearer to each other than the 2 KB of the shift: a tcp_sock is longer.
 */
static __always_inline __u32 home_of(__u64 sk)
{
	return sk >> 11 & slot_mask;
}

/* The places of a socket: its home, and others by its address times 2^64 / golden ratio. They are far from each other,
 * and each socket goes its own way: where a home is taken its neighbours are, too. The step is odd, so places differ.
 */
static __always_inline __u32 place_of(__u64 sk, __u32 i)
{
	__u64 hash = sk * 0x9E3779B97F4A7C15ULL;
	__u32 home = home_of(sk), first = hash >> slot_shift, step = hash >> 20 | 1, place;

	if (!i)
		return home;
	place = (first + i * step) & slot_mask;
	return place == home ? first : place;
}

static __always_inline bool is_traced(__u32 tgid)
{
	__u32 chunk = tgid / PROCESS_BYTES;
	struct process_bytes *bytes;

	if (trace_all || everything)
		return true;
	bytes = bpf_map_lookup_elem(&processes, &chunk);
	return bytes && bytes->traced[tgid % PROCESS_BYTES];
}

/* Children of a traced listener are wanted before any process has used them. */
static __always_inline void count_listener(const struct connection *c, int more)
{
	struct listening_key key = {.netns = c->netns, .port = c->local_port};
	__u32 *number, one = 1;

	if (trace_all)
		return;
	number = bpf_map_lookup_elem(&listening, &key);
	if (!number && more > 0 && bpf_map_update_elem(&listening, &key, &one, BPF_NOEXIST))
		number = bpf_map_lookup_elem(&listening, &key);
	if (!number)
		return;
	__sync_fetch_and_add(number, more);
	if (!*(volatile __u32 *)number)
		bpf_map_delete_elem(&listening, &key);
}

static __always_inline bool is_tcp(__u64 sk)
{
	__u16 family = BPF_CORE_READ(SK(sk), __sk_common.skc_family);

	return (family == AF_INET || family == AF_INET6) && BPF_CORE_READ(SK(sk), sk_protocol) == IPPROTO_TCP;
}

static __always_inline void read_addresses(struct connection *c, __u64 sk)
{
	c->local_port = BPF_CORE_READ(SK(sk), __sk_common.skc_num);
	c->remote_port = bpf_ntohs(BPF_CORE_READ(SK(sk), __sk_common.skc_dport));
	if (BPF_CORE_READ(SK(sk), __sk_common.skc_family) == AF_INET6) {
		bpf_core_read(c->local, 16, &SK(sk)->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(c->remote, 16, &SK(sk)->__sk_common.skc_v6_daddr);
		return;
	}
	__builtin_memset(c->local, 0, 16);
	__builtin_memset(c->remote, 0, 16);
	c->local[10] = c->local[11] = c->remote[10] = c->remote[11] = 0xff;
	bpf_core_read(c->local + 12, 4, &SK(sk)->__sk_common.skc_rcv_saddr);
	bpf_core_read(c->remote + 12, 4, &SK(sk)->__sk_common.skc_daddr);
}

static __always_inline __u8 role_of(__u64 sk)
{
	if (BPF_CORE_READ(SK(sk), __sk_common.skc_state) == TCP_LISTEN)
		return ROLE_LISTENER;
	/* A child inherits its listener's backlog limit; nothing else sets it on a connection. */
	return BPF_CORE_READ(SK(sk), sk_max_ack_backlog) ? ROLE_SERVER : ROLE_CLIENT;
}

/* Wins the slot for us or says no. Two adders can both lose, never both win; no fetching atomic, which 5.10 lacks. */
static __always_inline bool take(struct slot *s, struct connection *c)
{
	if (s->sk)
		return false;
	__sync_fetch_and_add(&c->claim, 1);
	if (*(volatile __u32 *)&c->claim == 1 && !*(volatile __u64 *)&s->sk)
		return true;
	__sync_fetch_and_add(&c->claim, -1);
	return false;
}

/* Sequence numbers of ours that were no data. */
static __always_inline __u32 ours_of(const struct connection *c)
{
	return (c->role == ROLE_CLIENT) + !!(c->flags & CONNECTION_FIN_SENT);
}

static __always_inline bool fin_sent(__u8 state)
{
	return state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 || state == TCP_CLOSING || state == TCP_LAST_ACK;
}

/* Fills a slot that we hold and publishes it. tgid 0: not claimed by a process yet. */
static __always_inline void enrol_in(__u32 index, struct slot *s, struct connection *c, __u64 sk, __u32 tgid,
				     __u16 flags)
{
	__u8 role = role_of(sk);

	s->moved[WRITE] = s->moved[READ] = 0;
	s->start[WRITE] = s->start[READ] = 0;
	s->protocol = 0;
	s->tgid = 0;
	s->generation++;
	if (!s->generation)
		s->generation = 1;
	__builtin_memset(c, 0, __builtin_offsetof(struct connection, claim));
	__builtin_memset(&c->truths, 0, sizeof(c->truths) + sizeof(c->base) + sizeof(c->final));
	c->opened = bpf_ktime_get_ns();
	c->flags = flags;
	c->role = role;
	c->state = BPF_CORE_READ(SK(sk), __sk_common.skc_state);
	if (fin_sent(c->state))
		c->flags |= CONNECTION_FIN_SENT;
	c->netns = BPF_CORE_READ(SK(sk), __sk_common.skc_net.net, ns.inum);
	read_addresses(c, sk);
	if (flags & CONNECTION_OLDER && role != ROLE_LISTENER)
		read_truths(&c->base, sk, ours_of(c));
	if (role == ROLE_SERVER)
		pair_with_initiator(c, index, s->generation);
	if (tgid)
		claim_for(s, c, tgid);
	*(volatile __u64 *)&s->sk = sk;
	__sync_fetch_and_add(&c->claim, -1);
}

/* A further process uses the socket: what is known of the connection goes on with the newest user. */
static __always_inline void take_over(__u32 index, __u32 from)
{
	struct connection *c = connection_at(index), *before = connection_at(from);

	if (!c || !before)
		return;
	c->opened = before->opened;
	c->connect_ns = before->connect_ns;
	c->accept_ns = before->accept_ns;
	c->accept_queue_ns = before->accept_queue_ns;
	c->connect_call_ns = before->connect_call_ns;
	c->closing = before->closing;
	c->role = before->role;
	c->peer_slot = before->peer_slot;
	c->peer_generation = before->peer_generation;
	c->base = before->base;
	c->flags = (before->flags & ~CONNECTION_EXTRA) | CONNECTION_TAKEN_OVER;
	before->flags |= CONNECTION_EXTRA;
}

/* The functions below are global, so that the verifier looks at each once and not once for each state of each caller.
 */

/* The slot of (sk, tgid), or of any user of sk where tgid is 0. */
__noinline long find(__u64 sk, __u32 tgid)
{
	for (int i = 0; i < PROBES; i++) {
		__u32 index = place_of(sk, i);
		struct slot *s = slot_at(index);

		if (s && s->sk == sk && (!tgid || s->tgid == tgid))
			return index;
	}
	return -1;
}

/* Two threads that use an old socket for the first time at once make two slots: the one nearer to home speaks for it.
 */
static __always_inline void yield_to_twin(__u64 sk, __u32 tgid, __u32 index)
{
	for (int i = 0; i < PROBES; i++) {
		__u32 at = place_of(sk, i);
		struct connection *c;
		struct slot *s;

		if (at == index)
			return;
		s = slot_at(at);
		if (!s || s->sk != sk || s->tgid != tgid)
			continue;
		c = connection_at(index);
		if (c)
			c->flags |= CONNECTION_EXTRA;
		return;
	}
}

/* The first of the socket's places that is free, held for us; -1 when all are taken. */
__noinline long take_place(__u64 sk)
{
	for (int i = 0; i < PROBES; i++) {
		__u32 index = place_of(sk, i);
		struct slot *s = slot_at(index);
		struct connection *c = connection_at(index);

		if (s && c && take(s, c))
			return index;
	}
	return -1;
}

__noinline long enrol_new(__u64 sk, __u32 tgid, __u32 flags, long newest)
{
	long index = take_place(sk);
	struct slot *s = slot_at(index);
	struct connection *c = connection_at(index);

	if (index < 0 || !s || !c)
		return -1;
	enrol_in(index, s, c, sk, tgid, flags);
	if (newest >= 0)
		take_over(index, newest);
	yield_to_twin(sk, tgid, index);
	return index;
}

/* A slot for (sk, tgid): its own, a child's that waits for its process, a new one; -1 when all its places are taken. */
__noinline long enrol(__u64 sk, __u32 tgid, __u32 flags)
{
	long newest = -1;

	for (int i = 0; i < PROBES; i++) {
		__u32 index = place_of(sk, i);
		struct slot *s = slot_at(index);
		struct connection *c = connection_at(index);

		if (!s || !c || s->sk != sk)
			continue;
		if (s->tgid == tgid)
			return index;
		if (!s->tgid) {
			claim_for(s, c, tgid);
			return index;
		}
		if (!tgid)
			return index;
		if (newest < 0 || !(c->flags & CONNECTION_EXTRA))
			newest = index;
	}
	return enrol_new(sk, tgid, flags, newest);
}

/* All its places are taken: the process's totals go on in an overflow slot, the detail is lost and counted. */
__noinline long overflow(__u32 tgid)
{
	for (int i = 0; i < PROBES; i++) {
		__u32 index = overflow_first + ((tgid + i) & overflow_mask);
		struct slot *s = slot_at(index);
		struct connection *c = connection_at(index);

		if (!s || !c)
			continue;
		if (s->sk == 1 && s->tgid == tgid)
			return index;
		if (!take(s, c))
			continue;
		s->moved[WRITE] = s->moved[READ] = 0;
		s->protocol = ~0U;
		s->generation++;
		__builtin_memset(c, 0, __builtin_offsetof(struct connection, claim));
		c->role = ROLE_OVERFLOW;
		c->opened = bpf_ktime_get_ns();
		claim_for(s, c, tgid);
		*(volatile __u64 *)&s->sk = 1;
		__sync_fetch_and_add(&c->claim, -1);
		return index;
	}
	return -1;
}

#endif
