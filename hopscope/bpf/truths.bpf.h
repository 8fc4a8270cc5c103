/* What the kernel itself keeps about a connection. */
#ifndef HOPSCOPE_TRUTHS_BPF_H
#define HOPSCOPE_TRUTHS_BPF_H

#include "kernel.h"
#include "records.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define SK(sk) ((struct sock *)(sk))
#define TP(sk) ((struct tcp_sock *)(sk))

#define ICSK_TIME_PROBE0 3
#define ICSK(sk) ((struct inet_connection_sock *)(sk))

/* Read without the socket's lock: a value that seems to run backwards waits until time has caught up with it. */
static __always_inline void advance(__u32 *value, __u32 now)
{
	if ((__s32)(now - *value) > 0)
		*value = now;
}

/* enum tcp_chrono: 1 busy, 2 limited by the receiver's window, 3 by the send buffer; limited is busy too. */
static __always_inline void read_chronos(struct truths *t, __u64 sk)
{
	__u32 stat[3], after[3], elapsed, type, rwnd, sndbuf;

	bpf_core_read(stat, sizeof(stat), &TP(sk)->chrono_stat);
	elapsed = (__u32)bpf_jiffies64() - BPF_CORE_READ(TP(sk), chrono_start);
	type = BPF_CORE_READ_BITFIELD_PROBED(TP(sk), chrono_type);
	bpf_core_read(after, sizeof(after), &TP(sk)->chrono_stat);
	/* It changed meanwhile: the elapsed time is in there already, or is another's. */
	if (stat[0] != after[0] || stat[1] != after[1] || stat[2] != after[2])
		elapsed = 0;
	rwnd = after[1] + (type == 2 ? elapsed : 0);
	sndbuf = after[2] + (type == 3 ? elapsed : 0);
	advance(&t->rwnd_limited, rwnd);
	advance(&t->sndbuf_limited, sndbuf);
	advance(&t->busy, after[0] + (type == 1 ? elapsed : 0) + rwnd + sndbuf);
}

/* The kernel's own count of probes starts anew with each answer; its backoff grows with each until the window opens. */
static __always_inline void count_probes(struct truths *t, __u64 sk)
{
	__u32 backoff = 0;

	if (BPF_CORE_READ(ICSK(sk), icsk_pending) == ICSK_TIME_PROBE0)
		backoff = BPF_CORE_READ(ICSK(sk), icsk_backoff);
	if (backoff > t->probe_backoff)
		t->zero_window_probes += backoff - t->probe_backoff;
	t->probe_backoff = backoff;
}

/* sent: acknowledged plus unacknowledged, less what was no data: an initiator's SYN and our FIN (ours says how many).
 * received: arrived less unread, less a FIN that was read. bytes_received counts a FIN when it arrives, copied_seq
 * passes it with the last byte before it.
 */
static __always_inline void read_totals(struct truths *t, __u64 sk, __u32 ours)
{
	__u64 flags = BPF_CORE_READ(SK(sk), __sk_common.skc_flags);

	t->write_seq = BPF_CORE_READ(TP(sk), write_seq);
	t->copied_seq = BPF_CORE_READ(TP(sk), copied_seq);
	t->unacked = t->write_seq - BPF_CORE_READ(TP(sk), snd_una);
	t->unread = BPF_CORE_READ(TP(sk), rcv_nxt) - t->copied_seq;
	t->sent = BPF_CORE_READ(TP(sk), bytes_acked) + t->unacked;
	t->sent = t->sent > ours ? t->sent - ours : 0;
	t->received = BPF_CORE_READ(TP(sk), bytes_received) - t->unread;
	if ((flags & (1UL << SOCK_DONE_BIT)) && !t->unread)
		t->received -= 1;
}

/* kTLS and its like put records of their own into the sequence space. */
static __always_inline bool is_layered(__u64 sk)
{
	return BPF_CORE_READ(ICSK(sk), icsk_ulp_ops);
}

static __always_inline void read_truths(struct truths *t, __u64 sk, __u32 ours)
{
	t->srtt_us = BPF_CORE_READ(TP(sk), srtt_us) >> 3;
	t->rttvar_us = BPF_CORE_READ(TP(sk), mdev_us) >> 2;
	t->min_rtt_us = BPF_CORE_READ(TP(sk), rtt_min.s[0].v);
	t->segments_out = BPF_CORE_READ(TP(sk), segs_out);
	t->retransmitted = BPF_CORE_READ(TP(sk), total_retrans);
	t->lost = BPF_CORE_READ(TP(sk), lost);
	t->out_of_order = BPF_CORE_READ(TP(sk), rcv_ooopack);
	t->retransmitted_bytes = BPF_CORE_READ(TP(sk), bytes_retrans);
	read_chronos(t, sk);
	count_probes(t, sk);
	read_totals(t, sk, ours);
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
