/* Moves a known number of bytes in one named way and says what it did: a line for each process and connection,
 * "end PID client|server INITIATOR_PORT WRITES WRITTEN READS GOT". Exit code 77: the kernel has no such way.
 */
#define _GNU_SOURCE
#include "ways.h"
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef void (*side)(int fd, const struct movers *m);

/* One connection between this process and a child. */
static void converse(side server, side client, const struct movers *m)
{
	int listener = listen_on(0, false), port = port_of(listener, false);
	pid_t child = fork();

	if (!child) {
		server(accept_on(listener), m);
		exit(0);
	}
	close(listener);
	client(connect_to(port), m);
	waitpid(child, NULL, 0);
}

/* A socket that connects to itself: two SYNs meet, nobody listens. */
static void with_itself(const struct movers *m)
{
	struct sockaddr_storage address;
	socklen_t length = loopback(&address, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&address, length))
		die("bind");
	length = loopback(&address, port_of(fd, false));
	if (connect(fd, (struct sockaddr *)&address, length))
		die("connect");
	query_itself(fd, m);
}

static void in_own_namespace(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	if (unshare(CLONE_NEWNET))
		die("unshare");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &lo))
		die("lo up");
	close(fd);
}

static const struct {
	const char *name;
	side server, client;
	const char *mover;
} sides[] = {
    {"half-close", serve_to_end, query_then_shut, "send-recv"},
    {"read-after-close", serve_late, query_early, "send-recv"},
    {"linger-reset", serve_until_reset, reset_by_linger, "send-recv"},
    {"unread-at-close", serve_a_part, query_until_reset, "send-recv"},
    {"exit-without-close", serve_and_die, query_and_exit, "write-read"},
    {"partial-writes", serve_slowly, query_in_parts, "write-read"},
    {"sendfile-large", serve_slowly, query_large, "sendfile"},
    {"threads", serve_in_threads, query_in_threads, "send-recv"},
    {"fd-passing", serve_in_two, query, "send-recv"},
    {"fork", serve, query_in_two, "send-recv"},
    {"older", serve_later, query_later, "send-recv"},
    {"older-splice", serve_later, query_later, "splice-from-socket"},
};

static const struct movers *mover_named(const char *name)
{
	for (const struct movers *m = movers; m->name; m++)
		if (!strcmp(m->name, name))
			return m;
	return NULL;
}

int main(int count, char **arguments)
{
	const char *way = count > 1 ? arguments[1] : "";
	const struct movers *m = mover_named(way), *usual = mover_named("send-recv");

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(sides) / sizeof(*sides); i++) {
		if (!strcmp(way, sides[i].name)) {
			converse(sides[i].server, sides[i].client, mover_named(sides[i].mover));
			return 0;
		}
	}
	if (!strcmp(way, "namespace"))
		in_own_namespace();
	if (!strcmp(way, "ipv6") || !strcmp(way, "v4-mapped"))
		family = AF_INET6;
	mapped = !strcmp(way, "v4-mapped");
	if (!strcmp(way, "pre-fork") || !strcmp(way, "reuseport"))
		with_workers(usual, !strcmp(way, "reuseport"));
	else if (!strcmp(way, "itself"))
		with_itself(usual);
	else if (m || family == AF_INET6 || !strcmp(way, "namespace"))
		converse(serve, query, m ? m : usual);
	else
		return 2;
	return 0;
}
