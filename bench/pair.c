/* Times one send and one receive of 64 bytes on loopback, or getppid(), by this thread's own CPU time.
 *
 * Commands on standard input, an answer line for each:
 *   open N            N fresh connections, used in turn; the old ones are closed
 *   pair CHUNKS N     CHUNKS times N pairs; prints the median ns of a pair
 *   getppid CHUNKS N  the same for getppid()
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SIZE 64
#define MAX_CONNECTIONS 4096
#define MAX_CHUNKS 1024

static int ends[MAX_CONNECTIONS][2];
static int whose[MAX_CONNECTIONS]; /* which end speaks next */
static int connections, turn;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void open_connections(int count)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	socklen_t length = sizeof(address);

	for (int i = 0; i < connections; i++) {
		close(ends[i][0]);
		close(ends[i][1]);
	}
	if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 16) ||
	    getsockname(listener, (struct sockaddr *)&address, &length))
		die("listen");
	for (int i = 0; i < count; i++) {
		ends[i][0] = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(ends[i][0], (struct sockaddr *)&address, length))
			die("connect");
		ends[i][1] = accept(listener, NULL, NULL);
		for (int end = 0; end < 2; end++)
			setsockopt(ends[i][end], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
	close(listener);
	memset(whose, 0, sizeof(whose));
	connections = count;
	turn = 0;
}

/* A request or its answer, in a protocol that is known after one of each, as most are. */
static void pair(void)
{
	static const char said[2][SIZE] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
					   "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
	static char buffer[SIZE];
	int *end = ends[turn], from = whose[turn];

	whose[turn] = !from;
	if (++turn == connections)
		turn = 0;
	if (send(end[from], said[from], SIZE, 0) != SIZE)
		die("send");
	if (recv(end[!from], buffer, SIZE, MSG_WAITALL) != SIZE)
		die("recv");
}

static void parent(void)
{
	syscall(SYS_getppid);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static double median(void (*operation)(void), int chunks, int count)
{
	static double taken[MAX_CHUNKS];

	for (int i = 0; i < count; i++)
		operation();
	for (int chunk = 0; chunk < chunks; chunk++) {
		double start = cpu_ns();

		for (int i = 0; i < count; i++)
			operation();
		taken[chunk] = (cpu_ns() - start) / count;
	}
	qsort(taken, chunks, sizeof(double), ascending);
	return taken[chunks / 2];
}

int main(void)
{
	struct rlimit files = {4 * MAX_CONNECTIONS, 4 * MAX_CONNECTIONS};
	char word[16];
	int first, second;

	setrlimit(RLIMIT_NOFILE, &files);
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (scanf("%15s %d", word, &first) == 2) {
		if (!strcmp(word, "open")) {
			if (first < 1 || first > MAX_CONNECTIONS)
				return 1;
			open_connections(first);
			puts("ok");
			continue;
		}
		if (scanf("%d", &second) != 1 || first < 1 || first > MAX_CHUNKS)
			return 1;
		printf("%.1f\n", median(strcmp(word, "pair") ? parent : pair, first, second));
	}
	return 0;
}
