/* Programs that do nothing, on the hooks that hopscope uses: the floor that no program body can go below. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("?raw_tp/sock_send_length")
int empty_send(void *ctx)
{
	return 0;
}

SEC("?raw_tp/sock_recv_length")
int empty_receive(void *ctx)
{
	return 0;
}

SEC("?raw_tp/tcp_sendmsg_locked")
int empty_send_begins(void *ctx)
{
	return 0;
}

SEC("?raw_tp/skb_copy_datagram_iovec")
int empty_receive_begins(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
