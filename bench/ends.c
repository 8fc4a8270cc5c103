/* CONNECTIONS RATE: keeps connections open on loopback and sends RATE requests a second over them in turn, each
 * answered.
 *
 * Says "ready" when all are open and ends when standard input does; then prints the requests a second it reached.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SIZE 200

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void open_pair(int listener, const struct sockaddr_in *address, int *ends)
{
	int one = 1;

	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (ends[0] < 0 || connect(ends[0], (const struct sockaddr *)address, sizeof(*address)))
		die("connect");
	ends[1] = accept(listener, NULL, NULL);
	if (ends[1] < 0)
		die("accept");
	for (int end = 0; end < 2; end++)
		setsockopt(ends[end], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void exchange(const int *ends)
{
	static char buffer[SIZE];

	for (int from = 0; from < 2; from++)
		if (send(ends[from], buffer, SIZE, 0) != SIZE ||
		    recv(ends[1 - from], buffer, SIZE, MSG_WAITALL) != SIZE)
			die("exchange");
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int count = argc > 1 ? atoi(argv[1]) : 1, rate = argc > 2 ? atoi(argv[2]) : 0;
	struct rlimit files = {2 * count + 64, 2 * count + 64};
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct pollfd input = {.fd = 0, .events = POLLIN};
	socklen_t length = sizeof(address);
	int(*ends)[2] = calloc(count, sizeof(*ends));
	double start, passed;
	long done = 0;

	if (!ends || setrlimit(RLIMIT_NOFILE, &files))
		die("room for the connections");
	if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 16) ||
	    getsockname(listener, (struct sockaddr *)&address, &length))
		die("listen");
	for (int i = 0; i < count; i++)
		open_pair(listener, &address, ends[i]);
	puts("ready");
	fflush(stdout);
	start = seconds();
	while (poll(&input, 1, 1) == 0)
		for (long wanted = (seconds() - start) * rate; done < wanted; done++)
			exchange(ends[done % count]);
	passed = seconds() - start;
	printf("%.0f\n", done / passed);
	return 0;
}
