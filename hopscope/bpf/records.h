/* What leaves the kernel: the only definition. Python reads these layouts from the object's BTF. */
#ifndef HOPSCOPE_RECORDS_H
#define HOPSCOPE_RECORDS_H

/* Calls and bytes of one direction share a word, so one atomic add keeps them consistent: calls << 38 | bytes.
 * Differences are exact while a connection moves < 2^38 bytes and < 2^26 calls between two reads.
 */
#define CALLS_SHIFT 38

/* 8 buckets per octave from 2^7 ns to 2^36 ns, one below, one above. */
#define HISTOGRAM_BUCKETS 234

#define COMM_SIZE 16
#define FILENAME_SIZE 128
#define ARGS_SIZE 256
#define HELLO_SIZE 4096
#define WANTED 16384 /* slots that one round of looks may name */
#define LOOKS_A_RUN 512

enum direction { WRITE, READ };

enum role { ROLE_UNKNOWN, ROLE_CLIENT, ROLE_SERVER, ROLE_LISTENER, ROLE_OVERFLOW };

enum connection_flag {
	CONNECTION_OLDER = 1, /* open before the agent looked */
	CONNECTION_EXTRA =
	    2, /* a later user of this socket has a slot of its own: opening, closing and truths are its */
	CONNECTION_FAILED = 4, /* never reached ESTABLISHED */
	CONNECTION_ESTABLISHED = 8,
	CONNECTION_CLOSED = 16,	      /* reached CLOSE after ESTABLISHED */
	CONNECTION_RESET_APP = 32,    /* RST sent because of what the local application did */
	CONNECTION_RESET_KERNEL = 64, /* RST sent by the local kernel in answer to a segment */
	CONNECTION_RESET_PEER = 128,  /* RST received */
	CONNECTION_FINISHED = 256,    /* destroyed; the ring was full, user space frees the slot */
	CONNECTION_ACCEPTED = 512,    /* accept() returned it, where a hook sees accept */
	CONNECTION_LAYERED =
	    1024, /* an upper layer (kTLS) shares the sequence space: totals are not the application's */
	CONNECTION_FIN_SENT = 2048,   /* we closed our direction */
	CONNECTION_TAKEN_OVER = 4096, /* another process opened it; that one's slot is EXTRA now */
	CONNECTION_RELEASED = 8192,   /* its process is no longer traced; it goes on unseen */
};

/* One connection as one process uses it: one cache line. sk == 0: free. */
struct slot {
	__u64 sk;
	__u64 moved[2];
	__u64 start[2];	  /* ktime of the timed call under way, 0: none */
	__u32 thread[2];  /* who started it */
	__u32 tgid;	  /* 0: accepted, not used by any process yet */
	__u32 row;	  /* index into rows */
	__u32 protocol;	  /* see protocols.bpf.h */
	__u32 generation; /* (index, generation) names one connection */
};

/* TCP truths, from the connection's own tcp_sock. A reading of another generation is none: the slot changed hands. */
struct truths {
	__u64 at;   /* ktime of the reading, 0: never read */
	__u64 sent; /* bytes accepted from the application, as the sequence numbers say; SYN and FIN are not among them
		     */
	__u64 received; /* bytes taken by the application */
	__u64 retransmitted_bytes;
	__u32 write_seq; /* at the reading: unchanged means nothing new */
	__u32 copied_seq;
	__u32 srtt_us;
	__u32 rttvar_us;
	__u32 min_rtt_us;
	__u32 segments_out;
	__u32 retransmitted;
	__u32 lost;
	__u32 out_of_order;
	__u32 busy;	      /* jiffies, the limited ones included, as in TCP_INFO */
	__u32 rwnd_limited;   /* jiffies */
	__u32 sndbuf_limited; /* jiffies */
	__u32 zero_window_probes;
	__u32 probe_backoff;	  /* at the reading: how far the probing of a closed window has got */
	__u32 accept_queue;	  /* listeners */
	__u32 accept_queue_limit; /* listeners */
	__u32 overflows;	  /* listeners: sk_drops */
	__u32 unacked;		  /* bytes sent or waiting to be sent, not acknowledged */
	__u32 unread;		  /* bytes arrived, not taken by the application */
	__u32 generation;	  /* of the slot, when this was read */
};

/* The cold half of a slot, same index. Addresses are IPv6, IPv4 as ::ffff:a.b.c.d; ports in host order. */
struct connection {
	__u64 opened;	       /* ktime */
	__u64 connect_ns;      /* SYN sent -> established */
	__u64 accept_ns;       /* SYN-ACK -> ACK */
	__u64 accept_queue_ns; /* established -> accept() returned, where a hook sees accept */
	__u64 closing;	       /* ktime of the first FIN or RST */
	__u64 close_ns;	       /* first FIN or RST -> CLOSE */
	__u64 connect_call_ns; /* where a hook sees connect */
	__u64 cgroup;
	__u8 local[16];
	__u8 remote[16];
	__u16 local_port;
	__u16 remote_port;
	__u16 flags;
	__u8 role;
	__u8 state;
	__u32 netns;
	__u32 peer_slot;	    /* the other end's slot, when it is on this host */
	__u32 peer_generation;	    /* 0: not known */
	__u32 error;		    /* errno of a failed connect */
	__u32 synack_retransmitted; /* listeners */
	__u32 claim;
	char comm[COMM_SIZE];
	struct truths truths; /* the last look; in a closed_record the final values */
	struct truths base;   /* at enrolment, of an older connection */
	__u64 final[2]; /* sent and received at CLOSE: a disconnect wipes the socket's own before it is destroyed */
};

/* Time statistics of one half-edge. How many were timed: the sum of the histogram. */
struct timing {
	__u64 ns;
	__u32 histogram[HISTOGRAM_BUCKETS];
};

struct row {
	struct timing move[2];
	struct timing rtt;
	struct timing close_call; /* where a hook sees close */
};

/* Which half-edge a row belongs to. */
struct row_key {
	__u32 tgid;
	__u32 peer_tgid; /* 0: outside, or not known */
	__u8 peer[16];
	__u16 port; /* the service port */
	__u16 role;
};

struct drop_key {
	__u32 slot;
	__u32 generation;
	__u32 reason;
};
#define NO_SLOT 0xffffffff

/* A dropped packet without a socket of ours, by what its headers say: a SYN, one to a connection that has ended. */
struct stray_key {
	__u8 source[16];
	__u8 destination[16];
	__u16 source_port;
	__u16 destination_port;
	__u32 netns;
	__u32 reason;
};

struct initiator_key {
	__u8 address[16];
	__u32 port;
	__u32 netns; /* loopback only: 127.0.0.1 means another host in each namespace */
};

struct initiator {
	__u32 slot;
	__u32 generation;
	__u32 tgid;
};

enum record_kind {
	RECORD_CLOSED = 1,
	RECORD_FORK,
	RECORD_EXEC,
	RECORD_EXIT,
	RECORD_HELLO,
	RECORD_MOVED, /* a process went to another cgroup, of whichever hierarchy */
	RECORD_KINDS
};

/* Why a process is marked. */
enum mark {
	MARK_NAMED = 1,	   /* user space named it, or who forked it */
	MARK_UNJUDGED = 2, /* it became another program, or went elsewhere: traced until user space has looked at it */
};

struct closed_record {
	__u32 kind;
	__u32 index;
	struct slot slot;
	struct connection connection;
};

struct process_record {
	__u32 kind;
	__u32 tgid;
	__u32 parent;
	__u32 args_length;
	__u64 start; /* ns since boot */
	__u64 cgroup;
	char comm[COMM_SIZE];
};

struct exec_record {
	struct process_record process;
	char filename[FILENAME_SIZE];
	char args[ARGS_SIZE]; /* NUL separated, cut */
};

/* A piece of a TLS ClientHello: handshake data, never payload. Cut after `length` bytes of data. */
struct hello_record {
	__u32 kind;
	__u32 index;
	__u32 generation;
	__u32 offset; /* of this piece in the hello */
	__u32 length;
	__u8 data[HELLO_SIZE];
};

#endif
