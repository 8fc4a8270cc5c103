/* Programs that do nothing, on the hooks that a send and a recv pass: what the hooks themselves cost.
 * They are called as the programs of hopscope on the same hooks are.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define EMPTY(section, name) \
	SEC(section)         \
	int name(void *ctx)  \
	{                    \
		return 0;    \
	}

EMPTY("?fentry/inet_sendmsg", enter_inet_sendmsg)
EMPTY("?fexit/inet_sendmsg", on_inet_sendmsg)
EMPTY("?fentry/inet_recvmsg", enter_inet_recvmsg)
EMPTY("?fexit/inet_recvmsg", on_inet_recvmsg)
EMPTY("?kprobe/inet_sendmsg", probe_inet_sendmsg)
EMPTY("?kretprobe/inet_sendmsg", return_inet_sendmsg)
EMPTY("?kprobe/inet_sendmsg", begin_inet_sendmsg)
EMPTY("?kprobe/inet_recvmsg", probe_inet_recvmsg)
EMPTY("?kretprobe/inet_recvmsg", return_inet_recvmsg)
EMPTY("?kprobe/inet_recvmsg", begin_inet_recvmsg)
EMPTY("?raw_tp/tcp_sendmsg_locked", on_sendmsg_locked)
EMPTY("?raw_tp/skb_copy_datagram_iovec", on_copy_datagram)
EMPTY("?raw_tp/sock_send_length", on_send_length)
EMPTY("?raw_tp/sock_recv_length", on_recv_length)
EMPTY("?raw_tp/sys_enter", on_sys_enter)
EMPTY("?raw_tp/sys_exit", on_sys_exit)

char LICENSE[] SEC("license") = "GPL";
