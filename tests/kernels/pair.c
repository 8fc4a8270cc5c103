/* One TCP connection on loopback, both ends here: what a send and its recv take, and a call that is no socket's.
 *
 * Commands on standard input, an answer line for each:
 *   connect               another connection takes the place of this one
 *   burst N               N sends, then N receives
 *   pair CHUNKS CALLS     CHUNKS numbers: time-stamp counter ticks of CALLS times send and recv of 64 bytes
 *   getppid CHUNKS CALLS  the same for getppid
 *   moved                 messages sent on the connection so far
 */
#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

#define SIZE 64

static int client = -1, server = -1;
static long messages;

static void say(int from, int to, const char *words)
{
	char bytes[SIZE];

	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes, words, strlen(words));
	if (send(from, bytes, SIZE, 0) != SIZE || recv(to, bytes, SIZE, MSG_WAITALL) != SIZE)
		err(1, "send and recv");
	messages++;
}

static void connect_pair(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (client >= 0) {
		close(client);
		close(server);
	}
	client = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &length) ||
	    connect(client, (struct sockaddr *)&address, length))
		err(1, "connection on loopback");
	server = accept(listener, NULL, NULL);
	if (server < 0)
		err(1, "accept");
	close(listener);
	messages = 0;
	/* Payload is looked at until the protocol is known, which on nearly all connections it is. */
	say(client, server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	say(server, client, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

static void pair(void)
{
	say(client, server, "");
}

static void burst(int count)
{
	char bytes[SIZE];

	memset(bytes, 'x', sizeof(bytes));
	for (int i = 0; i < count; i++)
		if (send(client, bytes, SIZE, 0) != SIZE)
			err(1, "send");
	for (int i = 0; i < count; i++)
		if (recv(server, bytes, SIZE, MSG_WAITALL) != SIZE)
			err(1, "recv");
	messages += count;
}

static void getppid_call(void)
{
	syscall(SYS_getppid);
}

static void measure(void (*call)(void), int chunks, int calls)
{
	unsigned long long ticks[1000];

	if (chunks > 1000)
		errx(1, "at most 1000 chunks");
	for (int i = 0; i < chunks; i++) {
		unsigned long long start = __rdtsc();

		for (int j = 0; j < calls; j++)
			call();
		ticks[i] = __rdtsc() - start;
	}
	for (int i = 0; i < chunks; i++)
		printf("%llu ", ticks[i]);
	printf("\n");
}

int main(void)
{
	char line[100], word[20];
	int chunks = 0, calls;

	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%19s %d %d", word, &chunks, &calls) == 3) {
			measure(strcmp(word, "pair") ? getppid_call : pair, chunks, calls);
		} else {
			if (!strncmp(line, "connect", 7))
				connect_pair();
			else if (!strncmp(line, "burst", 5))
				burst(chunks);
			printf("%ld\n", messages);
		}
		fflush(stdout);
	}
	return 0;
}
