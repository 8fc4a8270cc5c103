/* What the kernel itself keeps about a connection. */
#ifndef HOPSCOPE_TRUTHS_BPF_H
#define HOPSCOPE_TRUTHS_BPF_H

#include "kernel.h"
#include "records.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define SK(sk) ((struct sock *)(sk))
#define TP(sk) ((struct tcp_sock *)(sk))

static __always_inline void add_running_chrono(struct truths *t, __u64 sk)
{
	__u32 elapsed = (__u32)bpf_jiffies64() - BPF_CORE_READ(TP(sk), chrono_start);
	__u32 type = BPF_CORE_READ_BITFIELD_PROBED(TP(sk), chrono_type);

	/* enum tcp_chrono: 1 busy, 2 limited by the receiver's window, 3 by the send buffer */
	if (type == 1)
		t->busy += elapsed;
	else if (type == 2)
		t->rwnd_limited += elapsed;
	else if (type == 3)
		t->sndbuf_limited += elapsed;
}

/* sent: acknowledged plus unacknowledged, less SYN and FIN. received: arrived less unread, less a FIN that was read. */
static __always_inline void read_totals(struct truths *t, __u64 sk)
{
	__u8 state = BPF_CORE_READ(SK(sk), __sk_common.skc_state);
	__u64 flags = BPF_CORE_READ(SK(sk), __sk_common.skc_flags);
	__u32 unread = BPF_CORE_READ(TP(sk), rcv_nxt) - BPF_CORE_READ(TP(sk), copied_seq);

	t->write_seq = BPF_CORE_READ(TP(sk), write_seq);
	t->copied_seq = BPF_CORE_READ(TP(sk), copied_seq);
	t->sent = BPF_CORE_READ(TP(sk), bytes_acked) +
		  (__u32)(BPF_CORE_READ(TP(sk), write_seq) - BPF_CORE_READ(TP(sk), snd_una));
	t->received = BPF_CORE_READ(TP(sk), bytes_received) - unread;
	if ((flags & (1UL << SOCK_DONE_BIT)) && !unread && state != TCP_ESTABLISHED)
		t->received -= 1;
}

static __always_inline void read_truths(struct truths *t, __u64 sk)
{
	t->srtt_us = BPF_CORE_READ(TP(sk), srtt_us) >> 3;
	t->rttvar_us = BPF_CORE_READ(TP(sk), mdev_us) >> 2;
	t->min_rtt_us = BPF_CORE_READ(TP(sk), rtt_min.s[0].v);
	t->segments_out = BPF_CORE_READ(TP(sk), segs_out);
	t->retransmitted = BPF_CORE_READ(TP(sk), total_retrans);
	t->lost = BPF_CORE_READ(TP(sk), lost);
	t->out_of_order = BPF_CORE_READ(TP(sk), rcv_ooopack);
	t->retransmitted_bytes = BPF_CORE_READ(TP(sk), bytes_retrans);
	t->busy = BPF_CORE_READ(TP(sk), chrono_stat[0]);
	t->rwnd_limited = BPF_CORE_READ(TP(sk), chrono_stat[1]);
	t->sndbuf_limited = BPF_CORE_READ(TP(sk), chrono_stat[2]);
	t->zero_window_probes = BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_probes_out);
	add_running_chrono(t, sk);
	read_totals(t, sk);
	t->at = bpf_ktime_get_ns();
}

/* Nothing in flight and nothing new since the last reading: the truths are still true. */
static __always_inline bool is_idle(const struct truths *t, __u64 sk)
{
	__u32 next = BPF_CORE_READ(TP(sk), write_seq);

	return next == BPF_CORE_READ(TP(sk), snd_una) && next == t->write_seq &&
	       BPF_CORE_READ(TP(sk), copied_seq) == t->copied_seq && BPF_CORE_READ(TP(sk), rcv_nxt) == t->copied_seq;
}

static __always_inline void read_listener(struct truths *t, __u64 sk)
{
	t->accept_queue = BPF_CORE_READ(SK(sk), sk_ack_backlog);
	t->accept_queue_limit = BPF_CORE_READ(SK(sk), sk_max_ack_backlog);
	t->overflows = BPF_CORE_READ(SK(sk), sk_drops.counter);
	t->at = bpf_ktime_get_ns();
}

#endif
