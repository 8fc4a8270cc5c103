/* Each system call that moves bytes, as one function. */
#define _GNU_SOURCE
#include "ways.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define MESSAGES 3

ssize_t plain_write(int fd, void *buffer, size_t size, long *calls)
{
	*calls = 1;
	return write(fd, buffer, size);
}

ssize_t plain_read(int fd, void *buffer, size_t size, long *calls)
{
	*calls = 1;
	return read(fd, buffer, size);
}

static void halves(struct iovec *vec, void *buffer, size_t size)
{
	vec[0] = (struct iovec){.iov_base = buffer, .iov_len = size / 2};
	vec[1] = (struct iovec){.iov_base = (char *)buffer + size / 2, .iov_len = size - size / 2};
}

static ssize_t by_writev(int fd, void *buffer, size_t size, long *calls)
{
	struct iovec vec[2];

	halves(vec, buffer, size);
	*calls = 1;
	return writev(fd, vec, 2);
}

static ssize_t by_readv(int fd, void *buffer, size_t size, long *calls)
{
	struct iovec vec[2];

	halves(vec, buffer, size);
	*calls = 1;
	return readv(fd, vec, 2);
}

static ssize_t by_pwritev2(int fd, void *buffer, size_t size, long *calls)
{
	struct iovec vec[2];

	halves(vec, buffer, size);
	*calls = 1;
	return pwritev2(fd, vec, 2, -1, 0);
}

static ssize_t by_preadv2(int fd, void *buffer, size_t size, long *calls)
{
	struct iovec vec[2];

	halves(vec, buffer, size);
	*calls = 1;
	return preadv2(fd, vec, 2, -1, 0);
}

static ssize_t by_send(int fd, void *buffer, size_t size, long *calls)
{
	*calls = 1;
	return send(fd, buffer, size, MSG_NOSIGNAL);
}

static ssize_t by_recv(int fd, void *buffer, size_t size, long *calls)
{
	*calls = 1;
	return recv(fd, buffer, size, 0);
}

static ssize_t by_sendto(int fd, void *buffer, size_t size, long *calls)
{
	*calls = 1;
	return sendto(fd, buffer, size, MSG_NOSIGNAL, NULL, 0);
}

static ssize_t by_recvfrom(int fd, void *buffer, size_t size, long *calls)
{
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);

	*calls = 1;
	return recvfrom(fd, buffer, size, 0, (struct sockaddr *)&from, &length);
}

static ssize_t by_sendmsg(int fd, void *buffer, size_t size, long *calls)
{
	struct iovec vec[2];
	struct msghdr header = {.msg_iov = vec, .msg_iovlen = 2};

	halves(vec, buffer, size);
	*calls = 1;
	return sendmsg(fd, &header, MSG_NOSIGNAL);
}

static ssize_t by_recvmsg(int fd, void *buffer, size_t size, long *calls)
{
	struct iovec vec[2];
	struct msghdr header = {.msg_iov = vec, .msg_iovlen = 2};

	halves(vec, buffer, size);
	*calls = 1;
	return recvmsg(fd, &header, 0);
}

static void thirds(struct mmsghdr *messages, struct iovec *vec, void *buffer, size_t size)
{
	memset(messages, 0, MESSAGES * sizeof(*messages));
	for (size_t i = 0; i < MESSAGES; i++) {
		size_t from = size * i / MESSAGES, to = size * (i + 1) / MESSAGES;

		vec[i] = (struct iovec){.iov_base = (char *)buffer + from, .iov_len = to - from};
		messages[i].msg_hdr.msg_iov = &vec[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
}

static ssize_t moved(const struct mmsghdr *messages, int count, long *calls)
{
	ssize_t sum = 0;

	*calls = 0;
	for (int i = 0; i < count; i++) {
		sum += messages[i].msg_len;
		*calls += messages[i].msg_len > 0;
	}
	return count < 0 ? count : sum;
}

static ssize_t by_sendmmsg(int fd, void *buffer, size_t size, long *calls)
{
	struct mmsghdr messages[MESSAGES];
	struct iovec vec[MESSAGES];

	thirds(messages, vec, buffer, size);
	return moved(messages, sendmmsg(fd, messages, MESSAGES, MSG_NOSIGNAL), calls);
}

static ssize_t by_recvmmsg(int fd, void *buffer, size_t size, long *calls)
{
	struct mmsghdr messages[MESSAGES];
	struct iovec vec[MESSAGES];

	thirds(messages, vec, buffer, size);
	return moved(messages, recvmmsg(fd, messages, MESSAGES, MSG_WAITFORONE, NULL), calls);
}

static ssize_t by_sendfile(int fd, void *buffer, size_t size, long *calls)
{
	static __thread int file = -1;
	off_t start = 0;

	(void)buffer;
	if (file < 0)
		file = memfd_create("ways", 0);
	if (file < 0 || ftruncate(file, size))
		die("memfd");
	*calls = 1;
	return sendfile(fd, file, &start, size);
}

static ssize_t to_pipe_and_socket(int fd, void *buffer, size_t size, long *calls)
{
	static __thread int pipes[2] = {-1, -1};

	if (pipes[0] < 0 && pipe(pipes))
		die("pipe");
	if (write(pipes[1], buffer, size) != (ssize_t)size)
		die("write to pipe");
	*calls = 1;
	return splice(pipes[0], NULL, fd, NULL, size, 0);
}

static ssize_t to_pipe_from_socket(int fd, void *buffer, size_t size, long *calls)
{
	static __thread int pipes[2] = {-1, -1};
	ssize_t got;

	if (pipes[0] < 0 && pipe(pipes))
		die("pipe");
	*calls = 1;
	got = splice(fd, NULL, pipes[1], NULL, size, 0);
	if (got > 0 && read(pipes[0], buffer, got) != got)
		die("read from pipe");
	return got;
}

static ssize_t by_zerocopy(int fd, void *buffer, size_t size, long *calls)
{
	struct pollfd wait = {.fd = fd};
	char control[256];
	struct msghdr notice = {.msg_control = control, .msg_controllen = sizeof(control)};
	int on = 1;
	ssize_t sent;

	setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on));
	*calls = 1;
	sent = send(fd, buffer, size, MSG_ZEROCOPY | MSG_NOSIGNAL);
	if (sent > 0 && poll(&wait, 1, 1000) == 1)
		recvmsg(fd, &notice, MSG_ERRQUEUE);
	return sent;
}

static ssize_t by_waitall(int fd, void *buffer, size_t size, long *calls)
{
	*calls = 1;
	return recv(fd, buffer, size, MSG_WAITALL);
}

static ssize_t after_two_peeks(int fd, void *buffer, size_t size, long *calls)
{
	struct iovec vec = {.iov_base = buffer, .iov_len = size};
	struct msghdr header = {.msg_iov = &vec, .msg_iovlen = 1};

	recv(fd, buffer, size, MSG_PEEK);
	recvmsg(fd, &header, MSG_PEEK);
	*calls = 1;
	return recv(fd, buffer, size, 0);
}

static ssize_t after_eagain(int fd, void *buffer, size_t size, long *calls)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	ssize_t got;

	*calls = 1;
	for (;;) {
		got = recv(fd, buffer, size, MSG_DONTWAIT);
		if (got >= 0 || errno != EAGAIN)
			return got;
		poll(&wait, 1, 1000);
	}
}

const struct movers movers[] = {
    {"write-read", plain_write, plain_read},
    {"writev-readv", by_writev, by_readv},
    {"pwritev2-preadv2", by_pwritev2, by_preadv2},
    {"send-recv", by_send, by_recv},
    {"sendto-recvfrom", by_sendto, by_recvfrom},
    {"sendmsg-recvmsg", by_sendmsg, by_recvmsg},
    {"sendmmsg-recvmmsg", by_sendmmsg, by_recvmmsg},
    {"sendfile", by_sendfile, by_recv},
    {"splice-to-socket", to_pipe_and_socket, by_recv},
    {"splice-from-socket", by_send, to_pipe_from_socket},
    {"zerocopy", by_zerocopy, by_recv},
    {"waitall", by_send, by_waitall},
    {"peek", by_send, after_two_peeks},
    {"eagain", by_send, after_eagain},
    {"io_uring-send-recv", ring_send, ring_recv},
    {"io_uring-write-read", ring_write, ring_read},
    {"io_uring-async", ring_async_send, ring_async_recv},
    {"io_uring-sqpoll", ring_polled_send, ring_polled_recv},
    {NULL, NULL, NULL},
};
