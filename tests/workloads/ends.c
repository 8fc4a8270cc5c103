/* What each end of one connection does. */
#define _GNU_SOURCE
#include "ways.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

void ask(struct tally *t, mover write, int fd)
{
	for (int i = 0; i < ASKS; i++)
		put(t, write, fd, ASK);
}

void answer(struct tally *t, mover write, int fd)
{
	for (int i = 0; i < ANSWERS; i++)
		put(t, write, fd, ANSWER);
}

/* The two ends of the usual conversation: 23 questions, 19 answers, the end of the stream. */
void serve(int fd, const struct movers *m)
{
	struct tally t = {0};

	take(&t, m->read, fd, ASKS * ASK);
	answer(&t, m->write, fd);
	say(&t, "server", port_of(fd, true));
	close(fd);
}

void query(int fd, const struct movers *m)
{
	struct tally t = {0};

	ask(&t, m->write, fd);
	take(&t, m->read, fd, ANSWERS * ANSWER + 1);
	say(&t, "client", port_of(fd, false));
	close(fd);
}

void query_then_shut(int fd, const struct movers *m)
{
	struct tally t = {0};

	ask(&t, m->write, fd);
	shutdown(fd, SHUT_WR);
	take(&t, m->read, fd, ANSWERS * ANSWER + 1);
	say(&t, "client", port_of(fd, false));
	close(fd);
}

void serve_to_end(int fd, const struct movers *m)
{
	struct tally t = {0};

	take(&t, m->read, fd, ASKS * ASK + 1);
	answer(&t, m->write, fd);
	say(&t, "server", port_of(fd, true));
	close(fd);
}

/* The end of the server's stream lies in its buffer while its own connection is over: it reads on afterwards. */
void serve_late(int fd, const struct movers *m)
{
	int initiator = port_of(fd, true);
	struct tally t = {0};

	answer(&t, m->write, fd);
	shutdown(fd, SHUT_WR);
	usleep(200000);
	take(&t, m->read, fd, ASKS * ASK + 1);
	say(&t, "server", initiator);
	close(fd);
}

void query_early(int fd, const struct movers *m)
{
	struct tally t = {0};

	take(&t, m->read, fd, ANSWERS * ANSWER + 1);
	ask(&t, m->write, fd);
	say(&t, "client", port_of(fd, false));
	close(fd);
}

void reset_by_linger(int fd, const struct movers *m)
{
	struct linger none = {.l_onoff = 1};
	struct tally t = {0};

	ask(&t, m->write, fd);
	take(&t, m->read, fd, ANSWERS * ANSWER);
	say(&t, "client", port_of(fd, false));
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(fd);
}

void serve_until_reset(int fd, const struct movers *m)
{
	int initiator = port_of(fd, true);
	struct tally t = {0};

	take(&t, m->read, fd, ASKS * ASK);
	answer(&t, m->write, fd);
	take(&t, m->read, fd, 1);
	say(&t, "server", initiator);
	close(fd);
}

/* Closes with most of the questions unread: the kernel answers with a reset. */
void serve_a_part(int fd, const struct movers *m)
{
	struct tally t = {0};

	take(&t, m->read, fd, 7 * ASK);
	answer(&t, m->write, fd);
	usleep(100000);
	say(&t, "server", port_of(fd, true));
	close(fd);
}

void query_until_reset(int fd, const struct movers *m)
{
	int initiator = port_of(fd, false);
	struct tally t = {0};

	ask(&t, m->write, fd);
	take(&t, m->read, fd, ANSWERS * ANSWER + 1);
	say(&t, "client", initiator);
	close(fd);
}

void query_and_exit(int fd, const struct movers *m)
{
	struct tally t = {0};

	ask(&t, m->write, fd);
	take(&t, m->read, fd, ANSWERS * ANSWER);
	say(&t, "client", port_of(fd, false));
}

void serve_and_die(int fd, const struct movers *m)
{
	struct tally t = {0};

	take(&t, m->read, fd, ASKS * ASK);
	answer(&t, m->write, fd);
	say(&t, "server", port_of(fd, true));
	kill(getpid(), SIGKILL);
}

/* Non-blocking writes of a megabyte that the kernel takes in parts. */
void query_in_parts(int fd, const struct movers *m)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	struct tally t = {0};

	(void)m;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (size_t left = 7 * BUFFER + 13; left;) {
		ssize_t sent = write(fd, buffer, left < BUFFER ? left : BUFFER);

		if (sent > 0) {
			t.writes++;
			t.written += sent;
			left -= sent;
		} else {
			poll(&wait, 1, 1000);
		}
	}
	say(&t, "client", port_of(fd, false));
	close(fd);
}

void serve_slowly(int fd, const struct movers *m)
{
	int initiator = port_of(fd, true);
	struct tally t = {0};

	do
		usleep(1000);
	while (take(&t, m->read, fd, 65537));
	say(&t, "server", initiator);
	close(fd);
}

void query_large(int fd, const struct movers *m)
{
	struct tally t = {0};

	put(&t, m->write, fd, BUFFER);
	say(&t, "client", port_of(fd, false));
	close(fd);
}

/* Two threads write and two read on each end. */
struct thread {
	int fd;
	bool writes;
	struct tally t;
	pthread_t id;
	char part[997];
};

void *move_in_thread(void *argument)
{
	struct thread *self = argument;
	ssize_t moved;

	if (self->writes) {
		for (int i = 0; i < 1009; i++) {
			moved = send(self->fd, self->part, 97, 0);
			self->t.writes++;
			self->t.written += moved;
		}
		return NULL;
	}
	while ((moved = recv(self->fd, self->part, sizeof(self->part), 0)) > 0) {
		self->t.reads++;
		self->t.got += moved;
	}
	return NULL;
}

static void in_threads(int fd, const char *role, bool peer)
{
	struct thread threads[4] = {0};
	int initiator = port_of(fd, peer);
	struct tally t = {0};

	for (int i = 0; i < 4; i++) {
		threads[i].fd = fd;
		threads[i].writes = i < 2;
		pthread_create(&threads[i].id, NULL, move_in_thread, &threads[i]);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i].id, NULL);
		if (i == 1)
			shutdown(fd, SHUT_WR);
		t.writes += threads[i].t.writes;
		t.written += threads[i].t.written;
		t.reads += threads[i].t.reads;
		t.got += threads[i].t.got;
	}
	say(&t, role, initiator);
	close(fd);
}

void serve_in_threads(int fd, const struct movers *m)
{
	(void)m;
	in_threads(fd, "server", true);
}

void query_in_threads(int fd, const struct movers *m)
{
	(void)m;
	in_threads(fd, "client", false);
}

/* Opened before anybody looks; counts begin when stdin says so. */
static void wait_for_start(void)
{
	char byte;

	if (write(1, "ready\n", 6) != 6 || read(0, &byte, 1) != 1)
		die("start");
}

void query_later(int fd, const struct movers *m)
{
	struct tally before = {0};

	for (int i = 0; i < 5; i++)
		put(&before, m->write, fd, 1009);
	take(&before, m->read, fd, 1);
	wait_for_start();
	query(fd, m);
}

void serve_later(int fd, const struct movers *m)
{
	struct tally before = {0};

	take(&before, m->read, fd, 5 * 1009);
	put(&before, m->write, fd, 1);
	serve(fd, m);
}

void query_itself(int fd, const struct movers *m)
{
	struct tally t = {0};

	ask(&t, m->write, fd);
	take(&t, m->read, fd, ASKS * ASK);
	say(&t, "client", port_of(fd, false));
	close(fd);
}
