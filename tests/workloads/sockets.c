/* Loopback sockets, and counted calls on them. */
#include "ways.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

char buffer[BUFFER];
int family = AF_INET;
bool mapped;

void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

void put(struct tally *t, mover write, int fd, size_t size)
{
	while (size) {
		long calls = 0;
		ssize_t moved = write(fd, buffer, size, &calls);

		if (moved < 0)
			die("write");
		t->writes += moved ? calls : 0;
		t->written += moved;
		size -= moved;
	}
}

/* Until size bytes came; false at the end of the stream. */
bool take(struct tally *t, mover read, int fd, size_t size)
{
	while (size) {
		long calls = 0;
		ssize_t moved = read(fd, buffer, size < BUFFER ? size : BUFFER, &calls);

		if (moved <= 0)
			return false;
		t->reads += calls;
		t->got += moved;
		size -= moved;
	}
	return true;
}

int port_of(int fd, bool peer)
{
	struct sockaddr_in6 address = {0};
	socklen_t length = sizeof(address);

	if (peer ? getpeername(fd, (struct sockaddr *)&address, &length)
		 : getsockname(fd, (struct sockaddr *)&address, &length))
		die("name of a socket");
	return ntohs(address.sin6_port);
}

void say(const struct tally *t, const char *role, int initiator)
{
	char line[200];
	int length = snprintf(line, sizeof(line), "end %d %s %d %ld %ld %ld %ld\n", getpid(), role, initiator,
			      t->writes, t->written, t->reads, t->got);

	if (write(1, line, length) != length)
		die("stdout");
}

socklen_t loopback(struct sockaddr_storage *address, int port)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
	struct sockaddr_in *four = (struct sockaddr_in *)address;

	memset(address, 0, sizeof(*address));
	if (family == AF_INET) {
		*four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
		four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*four);
	}
	*six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
	inet_pton(AF_INET6, mapped ? "::ffff:127.0.0.1" : "::1", &six->sin6_addr);
	return sizeof(*six);
}

int listen_on(int port, bool shared)
{
	struct sockaddr_storage address;
	socklen_t length = loopback(&address, port);
	int fd = socket(family, SOCK_STREAM, 0), on = shared;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)))
		die("socket");
	if (bind(fd, (struct sockaddr *)&address, length) || listen(fd, 64))
		die("listen");
	return fd;
}

int connect_to(int port)
{
	struct sockaddr_storage address;
	socklen_t length = loopback(&address, port);
	int fd = socket(family, SOCK_STREAM, 0), on = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, length))
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

int accept_on(int listener)
{
	int fd = accept(listener, NULL, NULL), on = 1;

	if (fd < 0)
		die("accept");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}
