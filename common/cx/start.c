/* libfdcore's start and end in this process, its peers and sockets.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/cx/core.h"

#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/cx/dict.h"
#include "common/cx/slot.h"

/* ---- peers ---- */

bool core_peer_open(const struct cx_peer_state *p)
{
	struct peer_hdr *peer = NULL;
	return fd_peer_getbyid(p->host, strlen(p->host), 1, &peer) == 0 && peer &&
		fd_peer_get_state(peer) == STATE_OPEN;
}

static int add_peer(const struct cx_peer_state *p)
{
	struct peer_info info = {.pi_diamid = p->host};
	info.config.pic_flags.pro4 = PI_P4_TCP;
	info.config.pic_flags.sec = PI_SEC_NONE;
	info.config.pic_flags.persist = PI_PRST_ALWAYS;
	info.config.pic_port = addr_port(&p->addr);
	struct addr a = p->addr;
	int err = fd_ep_add_merge(&info.pi_endpoints, &a.sa, addr_len(&a),
		EP_FL_CONF | EP_ACCEPTALL);
	return err ? -err : -fd_peer_add(&info, "imsrig", NULL, NULL);
}

/* A peer whose thread runs before the core starts is connected to at once, others after a
 * random wait of up to 4 s. */
static int add_peer_first(const struct cx_peer_state *p)
{
	struct peer_hdr *peer = NULL;
	int err = add_peer(p);
	if (!err)
		err = -fd_peer_getbyid(p->host, strlen(p->host), 1, &peer);
	for (int i = 0; !err && peer && fd_peer_get_state(peer) == STATE_NEW && i < 1000; i++)
		usleep(1000);
	return err;
}

void core_peer_again(const struct cx_peer_state *p)
{
	struct peer_hdr *peer = NULL;
	if (fd_peer_getbyid(p->host, strlen(p->host), 1, &peer) == 0 && !peer)
		add_peer(p);
}

static bool is_ours(int fd)
{
	struct addr a;
	socklen_t n = sizeof a;
	if (getsockname(fd, &a.sa, &n) == 0 && addr_is(&core.conf.listen) &&
		addr_eq(&a, &core.conf.listen))
		return true;
	n = sizeof a;
	if (getpeername(fd, &a.sa, &n))
		return false;
	for (size_t i = 0; i < core.conf.n_peers; i++)
		if (!core.conf.server && addr_eq(&a, &core.conf.peers[i].addr))
			return true;
	return false;
}

/* Sets TCP_NODELAY on our sockets, which libfdcore clears, and ends a link whose peer does
 * not read: libfdcore sends to all peers from one thread. True when one of them listens. */
enum { STUCK_MS = 5000 };

static bool tune_sockets(void)
{
	bool listens = false;
	DIR *d = opendir("/proc/self/fd");
	for (struct dirent *e; d && (e = readdir(d));) {
		int fd = atoi(e->d_name), on = 1, accepts = 0, stuck = STUCK_MS;
		socklen_t n = sizeof accepts;
		if (fd <= 2 || !is_ours(fd))
			continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &stuck, sizeof stuck);
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &n);
		listens = listens || accepts;
	}
	if (d)
		closedir(d);
	return listens;
}

void core_nodelay(void)
{
	tune_sockets();
}

/* libfdcore asks the machine's resolver for the name of every address that it connects to
 * or accepts, for its log; a resolver that is away holds the link up for seconds. In this
 * program names come from the rig's table, so addresses have none. */
int getnameinfo(const struct sockaddr *sa, socklen_t n, char *host, socklen_t host_n,
	char *service, socklen_t service_n, int flags)
{
	const struct addr *a = (const struct addr *)sa;
	if (sa->sa_family != AF_INET && sa->sa_family != AF_INET6)
		return EAI_FAMILY;
	if (host && !str_copy(str_of(addr_host(a)), host, host_n))
		return EAI_OVERFLOW;
	if (service && snprintf(service, service_n, "%u", addr_port(a)) >= (int)service_n)
		return EAI_OVERFLOW;
	return 0;
}

#ifdef __SANITIZE_ADDRESS__
/* libfdcore leaves what is in a peer's event queue when the peer ends. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:fd_event_send\nleak:fd_fifo_post_internal\nleak:fd_peer_handle_newCER\n";
}
#endif

/* ---- start and end ---- */

static int write_conf(const struct core_conf *conf)
{
	int fd = memfd_create("cx", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	dprintf(fd,
		"Identity = \"%s\";\nRealm = \"%s\";\nPort = %u;\nSecPort = 0;\nNo_SCTP;\n%s"
		"NoRelay;\nAppServThreads = 1;\nThreadsPerServer = 16;\nTcTimer = 1;\n"
		"TwTimer = 6;\n",
		conf->identity, conf->realm, conf->server ? addr_port(&conf->listen) : 0,
		conf->local.sa.sa_family == AF_INET6 ? "" : "No_IPv6;\n");
	return fd;
}

static bool is_name(const char *s)
{
	size_t n = s ? strlen(s) : 0;
	return n > 0 && n < 128 && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789.-") == n;
}

/* Says which address can't be had; libfdcore only says that something went wrong. */
static int try_listen(const struct addr *a, char why[256])
{
	int on = 1, err = 0;
	int fd = socket(a->sa.sa_family, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (fd < 0 || bind(fd, &a->sa, addr_len(a)) || listen(fd, 1))
		err = -errno;
	if (fd >= 0)
		close(fd);
	if (err)
		snprintf(why, 256, "can't listen on %s: %s", addr_text(a), strerror(-err));
	return err;
}

/* libfdcore ends itself when one of its threads meets an error it can't handle. */
static void *watch(void *arg)
{
	fd_core_wait_shutdown_complete();
	if (!atomic_load(&core.stopping)) {
		struct event *e = mem_zalloc(sizeof *e);
		e->kind = EVENT_DEAD;
		queue_push(core.q, e);
	}
	return NULL;
}

static int configure(char why[256])
{
	char path[48];
	struct dict_object *application, *vendor;
	int fd = write_conf(&core.conf);
	if (fd < 0)
		return fd;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	fd_log_handler_register(core_on_log);
	fd_g_debug_lvl = FD_LOG_ANNOYING;
	int err = -fd_core_initialize();
	if (!err)
		err = core_add_hooks();
	if (!err)
		err = cx_dict_add(fd_g_config->cnf_dict, &application, &vendor);
	if (!err)
		err = -fd_core_parseconf(strdup(path));
	if (!err)
		err = core_add_callbacks(application, vendor);
	close(fd);
	struct addr own = core.conf.server ? core.conf.listen : core.conf.local;
	if (!err)
		err = -fd_ep_add_merge(&fd_g_config->cnf_endpoints, &own.sa, addr_len(&own),
			EP_FL_CONF | EP_ACCEPTALL);
	if (err)
		snprintf(why, 256, "libfdcore did not take its configuration: %s", strerror(-err));
	return err;
}

int core_start(const struct core_conf *conf, struct queue *q, char why[256])
{
	core.conf = *conf;
	core.q = q;
	if (!is_name(conf->identity) || !is_name(conf->realm)) {
		snprintf(why, 256, "identity and realm must be host names");
		return -EINVAL;
	}
	core_thread_batch();
	int err = conf->server ? try_listen(&conf->listen, why) : 0;
	if (!err)
		err = configure(why);
	if (err)
		return err;
	for (size_t i = 0; !err && !conf->server && i < conf->n_peers; i++)
		err = add_peer_first(&conf->peers[i]);
	if (!err)
		err = -fd_core_start();
	if (!err)
		err = -fd_core_waitstartcomplete();
	if (!err)
		err = -pthread_create(&core.watcher, NULL, watch, NULL);
	if (err)
		snprintf(why, 256, "libfdcore did not start: %s", strerror(-err));
	/* A thread of libfdcore begins to listen some time after the start. */
	for (int i = 0; !tune_sockets() && conf->server && !err && i < 2000; i++)
		usleep(1000);
	return err;
}

void core_stop(void)
{
	struct timespec until;
	atomic_store(&core.stopping, true);
	fd_core_shutdown();
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 500 * 1000 * 1000;
	until.tv_sec += 1 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	if (pthread_timedjoin_np(core.watcher, NULL, &until))
		pthread_detach(core.watcher);
	else
		slot_free_all();
}
