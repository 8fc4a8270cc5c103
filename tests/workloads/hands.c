/* Sockets that several processes use. */
#define _GNU_SOURCE
#include "ways.h"
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The socket goes to another process, which goes on with it. */
static void hand_over(int fd, int channel)
{
	char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
	struct iovec vec = {.iov_base = &byte, .iov_len = 1};
	struct msghdr header = {.msg_iov = &vec, .msg_iovlen = 1, .msg_control = control};
	struct cmsghdr *c;

	header.msg_controllen = sizeof(control);
	c = CMSG_FIRSTHDR(&header);
	*c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (sendmsg(channel, &header, 0) != 1)
		die("handing over");
}

static int take_over(int channel)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec vec = {.iov_base = &byte, .iov_len = 1};
	struct msghdr header = {.msg_iov = &vec, .msg_iovlen = 1, .msg_control = control};
	int fd;

	header.msg_controllen = sizeof(control);
	if (recvmsg(channel, &header, 0) != 1 || !CMSG_FIRSTHDR(&header))
		die("taking over");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof(fd));
	return fd;
}

void serve_in_two(int fd, const struct movers *m)
{
	struct tally t = {0};
	int channel[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, channel))
		die("socketpair");
	child = fork();
	if (!child) {
		close(fd);
		fd = take_over(channel[1]);
		take(&t, m->read, fd, (ASKS - 7) * ASK);
		answer(&t, m->write, fd);
		say(&t, "server", port_of(fd, true));
		exit(0);
	}
	take(&t, m->read, fd, 7 * ASK);
	hand_over(fd, channel[0]);
	say(&t, "server", port_of(fd, true));
	close(fd);
	waitpid(child, NULL, 0);
}

/* A forked child goes on with its parent's connection, both write. */
void query_in_two(int fd, const struct movers *m)
{
	struct tally t = {0};
	pid_t child;

	for (int i = 0; i < 11; i++)
		put(&t, m->write, fd, ASK);
	child = fork();
	if (!child) {
		t = (struct tally){0};
		for (int i = 11; i < ASKS; i++)
			put(&t, m->write, fd, ASK);
		say(&t, "client", port_of(fd, false));
		exit(0);
	}
	waitpid(child, NULL, 0);
	take(&t, m->read, fd, ANSWERS * ANSWER + 1);
	say(&t, "client", port_of(fd, false));
	close(fd);
}

#define WORKERS 3
#define CONNECTIONS 7

/* Workers that share one listener, or have one each on the same port. */
static void accept_until(int listener, int over, const struct movers *m)
{
	struct pollfd wait[2] = {{.fd = listener, .events = POLLIN}, {.fd = over, .events = POLLIN}};

	fcntl(listener, F_SETFL, O_NONBLOCK);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0)
			serve(fd, m);
		else if (wait[1].revents)
			exit(0);
		else
			poll(wait, 2, -1);
	}
}

void with_workers(const struct movers *m, bool shared)
{
	int over[2], listener = listen_on(0, shared), port = port_of(listener, false);

	if (pipe(over))
		die("pipe");
	for (int i = 0; i < WORKERS; i++) {
		int own = shared && i ? listen_on(port, true) : listener;

		if (!fork()) {
			close(over[1]);
			accept_until(own, over[0], m);
		}
		if (own != listener)
			close(own);
	}
	close(listener);
	for (int i = 0; i < CONNECTIONS; i++)
		query(connect_to(port), m);
	close(over[1]);
	while (wait(NULL) > 0)
		;
}
