/*
 * The floor: accept, vfork, exec, and nothing else: no limits, no log, no environment.
 * usage: bare PORT [PROGRAM]
 * Without a program it closes each connection: the floor of a refusal.
 */
#define _GNU_SOURCE /* accept4 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6 };
	char *server[] = { argc > 2 ? argv[2] : 0, 0 };
	int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (argc < 2)
		return 100;
	address.sin6_port = htons(atoi(argv[1]));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096))
		return 111;
	signal(SIGCHLD, SIG_IGN); /* no zombies */
	for (;;) {
		int client = accept4(listener, 0, 0, SOCK_CLOEXEC);

		if (client < 0)
			continue;
		if (server[0] && vfork() == 0) {
			dup2(client, 0);
			dup2(client, 1);
			dup2(client, 2);
			execv(server[0], server);
			_exit(111);
		}
		close(client);
	}
}
