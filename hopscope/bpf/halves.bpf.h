/* Which half-edge a connection belongs to: its histogram row, its process, and the other end when it is on this host.
 */
#ifndef HOPSCOPE_HALVES_BPF_H
#define HOPSCOPE_HALVES_BPF_H

#include "tables.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

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
	struct row_key key = {.tgid = tgid, .peer_tgid = peer_tgid, .role = c->role};
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
		if (known)
			return *known;
		__sync_fetch_and_add(&lost_rows, 1);
		return 0;
	}
	return row;
}

static __always_inline void claim_for(struct slot *s, struct connection *c, __u32 tgid)
{
	struct task_struct *leader;
	__u32 peer_tgid = 0;

	if (c->peer_generation) {
		struct slot *peer = slot_at(c->peer_slot);

		if (peer && peer->generation == c->peer_generation)
			peer_tgid = peer->tgid;
	}
	/* Threads have names of their own; the process is called as its first one. */
	leader = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), group_leader);
	bpf_core_read(c->comm, COMM_SIZE, &leader->comm);
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

#endif
