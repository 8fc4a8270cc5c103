/* From a socket to its slot: lookup, enrolment, release. A socket is a number here (its kernel address), never a typed
 * pointer, so that one body serves tracepoints, fentry, kprobes and system calls alike.
 */
#ifndef HOPSCOPE_SOCK_BPF_H
#define HOPSCOPE_SOCK_BPF_H

#include "kernel.h"
#include "records.h"
#include "truths.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* A socket lives in one of this many neighbouring slots from its home on. */
#define PROBES 8
#define PROCESS_BYTES 64
#define SK_RESERVED 2 /* slot.sk: 0 free, 1 overflow slot, 2 finished and waiting for user space */

/* Only in on-demand mode: whose children are wanted. */
struct listening_key {
	__u32 netns;
	__u32 port;
};

struct process_bytes {
	__u8 traced[PROCESS_BYTES];
};

/* clang-format off */
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 16384 + 64); __type(key, __u32); __type(value, struct slot); } slots SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 16384 + 64); __type(key, __u32); __type(value, struct connection); } connections SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 2048); __type(key, __u32); __type(value, struct row); } rows SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 2048); __type(key, struct row_key); __type(value, __u32); } row_keys SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_QUEUE); __uint(max_entries, 2048); __type(value, __u32); } free_rows SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16384); __type(key, struct initiator_key); __type(value, struct initiator); } initiators SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 512); __type(key, __u32); __type(value, struct process_bytes); } processes SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4096); __type(key, __u64); __type(value, __u8); } traced_cgroups SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8192); __type(key, struct listening_key); __type(value, __u32); } listening SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8192); __type(key, struct drop_key); __type(value, __u64); } drops SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 20); } ring SEC(".maps");
/* clang-format on */

const volatile __u32 slot_bits = 14; /* home slots: 1 << slot_bits */
const volatile __u32 slot_mask = 16383;
const volatile __u32 overflow_first = 16384; /* overflow slots follow the home slots */
const volatile __u32 overflow_mask = 63;

__u32 trace_all = 1;
__u64 lost_records[RECORD_KINDS]; /* ring was full */
__u64 lost_rows; /* half-edges that share row 0 */
__u64 lost_drops;
__u64 lost_initiators;
__u64 overflowed; /* calls counted in overflow slots */
__u64 uncounted; /* calls that found no slot at all */

static __always_inline struct slot *slot_at(__u32 index)
{
	return bpf_map_lookup_elem(&slots, &index);
}

static __always_inline struct connection *connection_at(__u32 index)
{
	return bpf_map_lookup_elem(&connections, &index);
}

/* Fibonacci hashing: the address times 2^64 / golden ratio, the top bits. */
static __always_inline __u32 home_of(__u64 sk)
{
	return (sk * 0x9E3779B97F4A7C15ULL) >> (64 - slot_bits);
}

static __always_inline bool is_traced(__u32 tgid)
{
	__u32 chunk = tgid / PROCESS_BYTES;
	struct process_bytes *bytes;

	if (trace_all)
		return true;
	bytes = bpf_map_lookup_elem(&processes, &chunk);
	return bytes && bytes->traced[tgid % PROCESS_BYTES];
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

static __always_inline bool is_loopback(const __u8 *address)
{
	const __u32 *word = (const __u32 *)address;

	if (word[0] || word[1])
		return false;
	return word[2] ? address[12] == 127 : word[3] == bpf_htonl(1);
}

static __always_inline void initiator_key_of(struct initiator_key *key, const __u8 *address, __u16 port, __u32 netns)
{
	__builtin_memcpy(key->address, address, 16);
	key->port = port;
	key->netns = is_loopback(address) ? netns : 0;
}

/* One half-edge, one row. Row 0 is for those that found no free one. */
static __always_inline __u32 row_of(const struct connection *c, __u32 tgid, __u32 peer_tgid)
{
	struct row_key key = { .tgid = tgid, .peer_tgid = peer_tgid, .role = c->role };
	__u32 *known, row;

	__builtin_memcpy(key.peer, c->remote, 16);
	key.port = c->role == ROLE_CLIENT ? c->remote_port : c->local_port;
	known = bpf_map_lookup_elem(&row_keys, &key);
	if (known)
		return *known;
	if (bpf_map_pop_elem(&free_rows, &row)) {
		__sync_fetch_and_add(&lost_rows, 1);
		return 0;
	}
	if (bpf_map_update_elem(&row_keys, &key, &row, BPF_NOEXIST)) {
		bpf_map_push_elem(&free_rows, &row, 0);
		known = bpf_map_lookup_elem(&row_keys, &key);
		return known ? *known : 0;
	}
	return row;
}

static __always_inline void claim_for(struct slot *s, struct connection *c, __u32 tgid)
{
	__u32 peer_tgid = 0;

	if (c->peer_generation) {
		struct slot *peer = slot_at(c->peer_slot);

		if (peer && peer->generation == c->peer_generation)
			peer_tgid = peer->tgid;
	}
	bpf_get_current_comm(c->comm, COMM_SIZE);
	c->cgroup = bpf_get_current_cgroup_id();
	s->row = row_of(c, tgid, peer_tgid);
	s->tgid = tgid;
}

/* The child of a listener knows its initiator's end, when that is on this host. */
static __always_inline void pair_with_initiator(struct connection *c, __u32 index, __u32 generation)
{
	struct initiator_key key = {};
	struct connection *client;
	struct initiator *peer;
	struct slot *s_client;

	initiator_key_of(&key, c->remote, c->remote_port, c->netns);
	peer = bpf_map_lookup_elem(&initiators, &key);
	if (!peer)
		return;
	c->peer_slot = peer->slot;
	c->peer_generation = peer->generation;
	client = connection_at(peer->slot);
	s_client = slot_at(peer->slot);
	if (!client || !s_client || s_client->generation != peer->generation)
		return;
	client->peer_slot = index;
	client->peer_generation = generation;
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

/* Fills a slot that we hold and publishes it. tgid 0: not claimed by a process yet. */
static __always_inline void enrol_in(__u32 index, struct slot *s, struct connection *c, __u64 sk, __u32 tgid, __u16 flags)
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
	__builtin_memset(&c->truths, 0, sizeof(c->truths) + sizeof(c->base));
	c->opened = bpf_ktime_get_ns();
	c->flags = flags;
	c->role = role;
	c->state = BPF_CORE_READ(SK(sk), __sk_common.skc_state);
	c->netns = BPF_CORE_READ(SK(sk), __sk_common.skc_net.net, ns.inum);
	read_addresses(c, sk);
	if (flags & CONNECTION_OLDER && role != ROLE_LISTENER)
		read_truths(&c->base, sk);
	if (role == ROLE_SERVER)
		pair_with_initiator(c, index, s->generation);
	if (tgid)
		claim_for(s, c, tgid);
	*(volatile __u64 *)&s->sk = sk;
	__sync_fetch_and_add(&c->claim, -1);
}

/* The functions below are global, so that the verifier looks at each once and not once for each state of each caller. */

/* The slot of (sk, tgid), or of any user of sk where tgid is 0. */
__noinline long find(__u64 sk, __u32 tgid)
{
	__u32 home = home_of(sk);

	for (int i = 0; i < PROBES; i++) {
		__u32 index = (home + i) & slot_mask;
		struct slot *s = slot_at(index);

		if (s && s->sk == sk && (!tgid || s->tgid == tgid))
			return index;
	}
	return -1;
}

/* A slot for (sk, tgid): its own, a child's that waits for its process, a new one; -1 when all its places are taken. */
__noinline long enrol(__u64 sk, __u32 tgid, __u32 flags)
{
	__u32 home = home_of(sk);

	for (int i = 0; i < PROBES; i++) {
		__u32 index = (home + i) & slot_mask;
		struct slot *s = slot_at(index);

		if (!s || s->sk != sk)
			continue;
		if (!s->tgid && tgid) {
			struct connection *c = connection_at(index);

			if (c)
				claim_for(s, c, tgid);
			return index;
		}
		if (s->tgid == tgid)
			return index;
		flags |= CONNECTION_EXTRA;
	}
	for (int i = 0; i < PROBES; i++) {
		__u32 index = (home + i) & slot_mask;
		struct slot *s = slot_at(index);
		struct connection *c = connection_at(index);

		if (!s || !c || !take(s, c))
			continue;
		enrol_in(index, s, c, sk, tgid, flags);
		return index;
	}
	return -1;
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
