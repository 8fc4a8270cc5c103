/* What the parts of the workload share: the count that each end keeps of its own calls. */
#ifndef WAYS_H
#define WAYS_H

#include <stddef.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

/* The usual conversation: primes, so that no sum comes out right by chance. */
#define ASKS 23
#define ASK 101
#define ANSWERS 19
#define ANSWER 103
#define BUFFER (1 << 20)

/* Calls that moved bytes and the bytes they moved; what a call was told to peek at moved nothing. */
struct tally {
	long writes, written, reads, got;
};

/* One way of moving bytes: bytes moved, 0 at the end, -1 with errno. calls: how many messages that was. */
typedef ssize_t (*mover)(int fd, void *buffer, size_t size, long *calls);

struct movers {
	const char *name;
	mover write, read;
};

extern const struct movers movers[];

extern char buffer[BUFFER];
extern int family;
extern bool mapped;

void die(const char *what);
void put(struct tally *t, mover write, int fd, size_t size);
bool take(struct tally *t, mover read, int fd, size_t size);
int port_of(int fd, bool peer);
void say(const struct tally *t, const char *role, int initiator);
socklen_t loopback(struct sockaddr_storage *address, int port);
int listen_on(int port, bool shared);
int connect_to(int port);
int accept_on(int listener);
void ask(struct tally *t, mover write, int fd);
void answer(struct tally *t, mover write, int fd);
void serve(int fd, const struct movers *m);
void query(int fd, const struct movers *m);
void query_then_shut(int fd, const struct movers *m);
void serve_to_end(int fd, const struct movers *m);
void serve_late(int fd, const struct movers *m);
void query_early(int fd, const struct movers *m);
void reset_by_linger(int fd, const struct movers *m);
void serve_until_reset(int fd, const struct movers *m);
void serve_a_part(int fd, const struct movers *m);
void query_until_reset(int fd, const struct movers *m);
void query_and_exit(int fd, const struct movers *m);
void serve_and_die(int fd, const struct movers *m);
void query_in_parts(int fd, const struct movers *m);
void serve_slowly(int fd, const struct movers *m);
void query_large(int fd, const struct movers *m);
void serve_in_threads(int fd, const struct movers *m);
void query_in_threads(int fd, const struct movers *m);
void query_later(int fd, const struct movers *m);
void serve_later(int fd, const struct movers *m);
void query_itself(int fd, const struct movers *m);
void serve_in_two(int fd, const struct movers *m);
void query_in_two(int fd, const struct movers *m);
void with_workers(const struct movers *m, bool shared);
ssize_t plain_write(int fd, void *buffer, size_t size, long *calls);
ssize_t plain_read(int fd, void *buffer, size_t size, long *calls);
ssize_t ring_send(int fd, void *buffer, size_t size, long *calls);
ssize_t ring_recv(int fd, void *buffer, size_t size, long *calls);
ssize_t ring_write(int fd, void *buffer, size_t size, long *calls);
ssize_t ring_read(int fd, void *buffer, size_t size, long *calls);
ssize_t ring_async_send(int fd, void *buffer, size_t size, long *calls);
ssize_t ring_async_recv(int fd, void *buffer, size_t size, long *calls);
ssize_t ring_polled_send(int fd, void *buffer, size_t size, long *calls);
ssize_t ring_polled_recv(int fd, void *buffer, size_t size, long *calls);

#endif
