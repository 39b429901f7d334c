/*
 * A server that tells its client what it was given. The name under which it was executed says what
 * it tells: argv, env, descriptors, identity, limits, signals or socket. As accept and datagram it
 * is a server of a wait = yes service.
 */
#define _GNU_SOURCE /* environ */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void tell_env(void)
{
	size_t count = 0;

	while (environ[count])
		count++;
	qsort(environ, count, sizeof *environ, by_text);
	for (size_t i = 0; i < count; i++)
		puts(environ[i]);
}

static void tell_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	struct dirent *entry;

	/* The folder itself has the lowest free number. */
	while ((entry = readdir(folder)))
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(folder))
			printf("%s\n", entry->d_name);
}

/* The lines of /proc/self/status that begin with one of the words. */
static void tell_status(const char *const *words)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[4096];

	while (fgets(line, sizeof line, status))
		for (const char *const *word = words; *word; word++)
			if (!strncmp(line, *word, strlen(*word)))
				fputs(line, stdout);
}

static void tell_identity(void)
{
	static const char *const words[] = { "Umask:", "Uid:", "Gid:", "Groups:", 0 };
	char folder[4096];

	tell_status(words);
	printf("nice %d\n", getpriority(PRIO_PROCESS, 0));
	printf("in %s\n", getcwd(folder, sizeof folder));
	printf("leads its session: %s\n", getsid(0) == getpid() ? "yes" : "no");
	printf("leads its group: %s\n", getpgrp() == getpid() ? "yes" : "no");
}

static void tell_limits(void)
{
	static const struct {
		const char *name;
		int number;
	} limits[] = {
		{ "files", RLIMIT_NOFILE }, { "as", RLIMIT_AS }, { "cpu", RLIMIT_CPU },
		{ "data", RLIMIT_DATA },    { "rss", RLIMIT_RSS }, { "stack", RLIMIT_STACK },
	};

	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		struct rlimit limit;

		getrlimit(limits[i].number, &limit);
		printf("%s %lld %lld\n", limits[i].name, (long long)limit.rlim_cur,
		       (long long)limit.rlim_max);
	}
}

static void tell_signals(void)
{
	static const char *const words[] = { "SigBlk:", "SigIgn:", "SigCgt:", 0 };

	tell_status(words);
}

static void tell_address(const char *what, struct sockaddr_storage *address)
{
	char text[INET6_ADDRSTRLEN];
	int v6 = address->ss_family == AF_INET6;
	const void *number = v6 ? (void *)&((struct sockaddr_in6 *)address)->sin6_addr
				: (void *)&((struct sockaddr_in *)address)->sin_addr;

	inet_ntop(address->ss_family, number, text, sizeof text);
	printf("%s %s %s\n", what, v6 ? "AF_INET6" : "AF_INET", text);
}

static void tell_option(const char *name, int level, int option)
{
	int value = 0;
	socklen_t size = sizeof value;

	if (getsockopt(0, level, option, &value, &size))
		printf("%s: no such option\n", name);
	else
		printf("%s %s\n", name, value ? "on" : "off");
}

static void tell_socket(void)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof address;

	if (!getsockname(0, (struct sockaddr *)&address, &size))
		tell_address("local", &address);
	size = sizeof address;
	if (!getpeername(0, (struct sockaddr *)&address, &size))
		tell_address("peer", &address);
	tell_option("SO_ACCEPTCONN", SOL_SOCKET, SO_ACCEPTCONN);
	tell_option("SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE);
	tell_option("SO_LINGER", SOL_SOCKET, SO_LINGER);
	tell_option("TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY);
	for (int fd = 0; fd < 3; fd++)
		printf("%d %s%s\n", fd, (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR ? "O_RDWR" : "?",
		       fcntl(fd, F_GETFL) & O_NONBLOCK ? " O_NONBLOCK" : "");
}

/* A server of a wait = yes service: takes one client, and tells it who it is said to be. */
static void tell_client(void)
{
	int client = accept(0, 0, 0);

	dprintf(client, "REMOTE_HOST=%s\n", getenv("REMOTE_HOST"));
	close(client);
}

/* The same for a datagram, which is sent back behind that. */
static void answer_datagram(void)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof peer;
	char text[1024];
	int head = snprintf(text, sizeof text, "REMOTE_HOST=%s\n", getenv("REMOTE_HOST"));
	ssize_t body = recvfrom(0, text + head, sizeof text - head, 0, (struct sockaddr *)&peer,
				&size);

	sendto(0, text, head + body, 0, (struct sockaddr *)&peer, size);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*tell)(void);
	} subjects[] = {
		{ "accept", tell_client },     { "datagram", answer_datagram },
		{ "env", tell_env },	   { "descriptors", tell_descriptors },
		{ "identity", tell_identity }, { "limits", tell_limits },
		{ "signals", tell_signals },   { "socket", tell_socket },
	};
	char path[4096] = "";
	const char *name;

	if (readlink("/proc/self/exe", path, sizeof path - 1) < 0)
		return 1;
	name = strrchr(path, '/') + 1;
	for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
		if (!strcmp(name, subjects[i].name)) {
			subjects[i].tell();
			return 0;
		}
	for (int i = 0; i < argc; i++)
		printf("%d %s\n", i, argv[i]);
	return 0;
}
