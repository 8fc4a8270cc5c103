/* What kernel and user space share: the tables, their sizes, and what they could not take. */
#ifndef HOPSCOPE_TABLES_BPF_H
#define HOPSCOPE_TABLES_BPF_H

#include "kernel.h"
#include "records.h"
#include <bpf/bpf_helpers.h>

/* A socket lives in one of this many slots. */
#define PROBES 8
#define PROCESS_BYTES 64
#define SK_RESERVED 2 /* slot.sk: 0 free, 1 overflow slot, 2 finished and waiting for user space */

#define CGROUP_DEPTH 32

/* Where some processes are traced and others not: whose children are wanted. */
struct listening_key {
	__u32 netns;
	__u32 port;
};

struct process_bytes {
	__u8 traced[PROCESS_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16384 + 64);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16384 + 64);
	__type(key, __u32);
	__type(value, struct connection);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2048);
	__type(key, __u32);
	__type(value, struct row);
} rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2048);
	__type(key, struct row_key);
	__type(value, __u32);
} row_keys SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 2048);
	__type(value, __u32);
} free_rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct initiator_key);
	__type(value, struct initiator);
} initiators SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 512);
	__type(key, __u32);
	__type(value, struct process_bytes);
} processes SEC(".maps");

/* How many listeners. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct listening_key);
	__type(value, __u32);
} listening SEC(".maps");

/* By a cgroup's number: whether the processes in it and beneath it are traced. The nearest one above decides. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u32);
} cgroups SEC(".maps");

/* Processes that are traced whatever their cgroup is: enum mark. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, __u32);
} marked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct drop_key);
	__type(value, __u64);
} drops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct stray_key);
	__type(value, __u64);
} strays SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring SEC(".maps");

/* The slots that user space wants looked at. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WANTED);
	__type(key, __u32);
	__type(value, __u32);
} wanted SEC(".maps");

const volatile __u32 slot_shift = 50; /* home slots: 1 << (64 - slot_shift) */
const volatile __u32 slot_mask = 16383;
const volatile __u32 overflow_first = 16384; /* overflow slots follow the home slots */
const volatile __u32 overflow_mask = 63;
/* Constant, so that the verifier drops the test of each process where all are traced. */
const volatile __u32 trace_all = 1;

__u32 everything;  /* somebody looks at all there is */
__u32 judge_execs; /* a name is looked for: who becomes another program may be it */
__u32 judge_moves; /* an old hierarchy's cgroups are looked for, whose numbers mean nothing here */
__u64 lost_marks;  /* `marked` was full */

__u64 lost_records[RECORD_KINDS]; /* ring was full */
__u64 lost_rows;		  /* half-edges that share row 0 */
__u64 lost_drops;
__u64 lost_initiators;
__u64 overflowed; /* calls counted in overflow slots */
__u64 uncounted;  /* calls that found no slot at all */

static __always_inline struct slot *slot_at(__u32 index)
{
	return bpf_map_lookup_elem(&slots, &index);
}

static __always_inline struct connection *connection_at(__u32 index)
{
	return bpf_map_lookup_elem(&connections, &index);
}

/* Records wait for the next tick; only a ring that fills faster than that wakes user space. */
static __always_inline __u64 wake(void)
{
	__u64 used = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA), size = bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE);

	return used > size / 2 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

#endif
