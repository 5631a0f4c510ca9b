/* One element's process: started, watched and ended by the player.
 *
 * vfork and a pidfd stand in place of uv_spawn: the child must ask for its parent-death
 * signal before it runs the program, no SIGCHLD handler is needed, and no copy of our
 * sockets lives on in a child that has yet to be scheduled.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"

enum { KILL_AFTER_MS = 2000, LOG_TAIL = 64 * 1024 };

struct process {
	char *name, *notify_path;
	pid_t pid;
	int pidfd, notify_fd;
	uv_poll_t on_exit, on_notify;
	uv_timer_t killer; /* real time: a process that hangs knows no other */
	int handles;	   /* not yet closed */
	bool told, killed, is_ready;
	struct process_h h;
	void *arg;
};

static void on_handle_closed(uv_handle_t *handle)
{
	struct process *p = handle->data;
	if (--p->handles)
		return;
	close(p->pidfd);
	close(p->notify_fd);
	unlink(p->notify_path);
	free(p->notify_path);
	free(p->name);
	free(p);
}

/* Asked to stop it did something else: it aborted, or a sanitizer found something at its end.
 * SIGTERM itself ends it while it has yet to start. */
static void check_stop(const struct process *p, int wait_status, const char *how)
{
	bool clean = WIFEXITED(wait_status) ? !WEXITSTATUS(wait_status)
					    : WTERMSIG(wait_status) == SIGTERM;
	if (p->told && !p->killed && !clean)
		log_warn("rig", "%s did not stop cleanly: %s", p->name, how);
}

static void on_exit_poll(uv_poll_t *poll, int status, int events)
{
	struct process *p = poll->data;
	int wait_status = 0, code = -1;
	char how[32] = "lost";

	if (waitpid(p->pid, &wait_status, WNOHANG) == 0)
		return;
	if (WIFEXITED(wait_status)) {
		code = WEXITSTATUS(wait_status);
		snprintf(how, sizeof how, "exit %d", code);
	} else if (WIFSIGNALED(wait_status)) {
		snprintf(how, sizeof how, "signal %d", WTERMSIG(wait_status));
	}
	check_stop(p, wait_status, how);
	uv_poll_stop(&p->on_exit);
	uv_poll_stop(&p->on_notify);
	uv_timer_stop(&p->killer);
	p->h.ended(p, p->told, code, how, p->arg);
	uv_close((uv_handle_t *)&p->on_exit, on_handle_closed);
	uv_close((uv_handle_t *)&p->on_notify, on_handle_closed);
	uv_close((uv_handle_t *)&p->killer, on_handle_closed);
}

static void on_notify_poll(uv_poll_t *poll, int status, int events)
{
	struct process *p = poll->data;
	char text[1024];
	ssize_t n;

	while ((n = recv(p->notify_fd, text, sizeof text, MSG_DONTWAIT)) > 0) {
		struct str rest = {text, (size_t)n};
		while (rest.p) {
			struct str line = str_cut(&rest, '\n');
			if (str_eq(line, STR("READY=1")) && !p->is_ready) {
				p->is_ready = true;
				p->h.ready(p, p->arg);
			}
		}
	}
}

static int notify_open(struct process *p, const char *dir, char why[256])
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int n = snprintf(un.sun_path, sizeof un.sun_path, "%s/%s.notify", dir, p->name);

	if (n >= (int)sizeof un.sun_path) {
		snprintf(why, 256,
			"the run directory's name is too long for a socket: %.120s", dir);
		return -ENAMETOOLONG;
	}
	p->notify_path = str_dup(str_of(un.sun_path));
	unlink(un.sun_path);
	p->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->notify_fd < 0 || bind(p->notify_fd, (struct sockaddr *)&un, sizeof un)) {
		int err = -errno;
		snprintf(why, 256, "cannot open %.150s: %s", un.sun_path, strerror(-err));
		return err;
	}
	return 0;
}

/* In the child, on our memory: system calls alone. */
static __attribute__((noreturn)) void child(
	const struct process_conf *conf, int log_fd, char *const *envp, pid_t parent)
{
	int null = open("/dev/null", O_RDONLY);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0); /* Ctrl-C is for the player, which then stops us in order */
	dup2(null, STDIN_FILENO);
	dup2(log_fd, STDOUT_FILENO);
	dup2(log_fd, STDERR_FILENO);
	syscall(SYS_close_range, 3u, ~0u, 0u);
	if (chdir(conf->dir))
		_exit(127);
	execve(conf->program, (char *const *)conf->argv, envp);
	_exit(127);
}

static __attribute__((noinline)) pid_t launch(
	const struct process_conf *conf, int log_fd, char *const *envp, pid_t parent)
{
	pid_t pid = vfork();
	if (pid == 0)
		child(conf, log_fd, envp, parent);
	return pid;
}

static char **environment(const char *notify_path)
{
	extern char **environ;
	size_t n = 0, k = 0;
	while (environ[n])
		n++;
	char **envp = mem_alloc((n + 2) * sizeof *envp);
	for (size_t i = 0; i < n; i++)
		if (!str_starts(str_of(environ[i]), STR("NOTIFY_SOCKET=")))
			envp[k++] = environ[i];
	char *notify = mem_alloc(strlen(notify_path) + 16);
	sprintf(notify, "NOTIFY_SOCKET=%s", notify_path);
	envp[k++] = notify;
	envp[k] = NULL;
	return envp;
}

static int spawn(struct process *p, const struct process_conf *conf, char why[256])
{
	int log_fd, err = 0;
	char **envp;

	log_fd = open(conf->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (log_fd < 0) {
		err = -errno;
		snprintf(why, 256, "cannot open %.150s: %s", conf->log, strerror(-err));
		return err;
	}
	envp = environment(p->notify_path);
	p->pid = launch(conf, log_fd, envp, getpid());
	if (p->pid < 0)
		err = -errno;
	else if ((p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0)) < 0)
		err = -errno;
	if (err)
		snprintf(why, 256, "cannot start %.150s: %s", conf->program,
			strerror(-err));
	if (err && p->pid > 0) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, NULL, 0);
	}
	for (char **e = envp; *e; e++)
		if (!e[1])
			free(*e); /* the last is ours */
	free(envp);
	close(log_fd);
	return err;
}

int process_start(const struct process_conf *conf, const struct process_h *h, void *arg,
	struct process **out, char why[256])
{
	struct process *p = MEM_NEW(struct process);
	int err;

	p->name = str_dup(str_of(conf->name));
	p->h = *h;
	p->arg = arg;
	p->pidfd = p->notify_fd = -1;
	if (access(conf->program, X_OK)) {
		err = -errno;
		snprintf(
			why, 256, "no program %.180s: %s", conf->program, strerror(-err));
		goto out;
	}
	if ((err = notify_open(p, conf->dir, why)) || (err = spawn(p, conf, why)))
		goto out;
	p->handles = 3;
	uv_poll_init(conf->loop, &p->on_exit, p->pidfd);
	uv_poll_init(conf->loop, &p->on_notify, p->notify_fd);
	uv_timer_init(conf->loop, &p->killer);
	p->on_exit.data = p->on_notify.data = p->killer.data = p;
	uv_poll_start(&p->on_exit, UV_READABLE, on_exit_poll);
	uv_poll_start(&p->on_notify, UV_READABLE, on_notify_poll);
	*out = p;
	return 0;
out:
	if (p->notify_fd >= 0) {
		close(p->notify_fd);
		unlink(p->notify_path);
	}
	free(p->notify_path);
	free(p->name);
	free(p);
	return err;
}

pid_t process_pid(const struct process *p)
{
	return p->pid;
}

static void on_kill_time(uv_timer_t *t)
{
	struct process *p = t->data;
	log_warn("rig", "%s did not stop within %d ms and is killed", p->name,
		KILL_AFTER_MS);
	p->killed = true;
	kill(p->pid, SIGKILL);
}

/* The pid is ours until waitpid has taken it, which happens in on_exit_poll alone. */
void process_stop(struct process *p)
{
	if (p->told)
		return;
	p->told = true;
	kill(p->pid, SIGTERM);
	uv_timer_start(&p->killer, on_kill_time, KILL_AFTER_MS, 0);
}

void process_kill(struct process *p)
{
	p->told = p->killed = true;
	kill(p->pid, SIGKILL);
}

/* "2026-01-01T00:00:00.000Z warn  scscf digest: ..." without time, level and node. */
static struct str log_body(struct str line, bool *warning)
{
	struct str rest = line;
	struct str when = str_cut(&rest, ' '), level = str_cut(&rest, ' ');

	*warning = false;
	if (!when.n || when.p[when.n - 1] != 'Z' || !rest.p)
		return line;
	*warning = str_eq(level, STR("warn")) || str_eq(level, STR("error"));
	rest = str_trim(rest);
	str_cut(&rest, ' '); /* node */
	return rest.p ? rest : line;
}

const char *process_log_line(const char *log, off_t from, bool warnings)
{
	static char ring[4][400];
	static unsigned at;
	char *out = ring[at++ % 4], *text = mem_alloc(LOG_TAIL);
	int fd = open(log, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n = 0;

	*out = 0;
	if (fd >= 0 && !fstat(fd, &st) && st.st_size > from) {
		off_t start = st.st_size - from > LOG_TAIL ? st.st_size - LOG_TAIL : from;
		n = pread(fd, text, LOG_TAIL, start);
	}
	if (fd >= 0)
		close(fd);
	struct str rest = {text, n > 0 ? (size_t)n : 0};
	while (rest.p) {
		bool warning;
		struct str line = str_trim(str_cut(&rest, '\n'));
		struct str body = log_body(line, &warning);
		if (line.n && (warning || !warnings))
			str_copy(body, out, sizeof ring[0]);
	}
	free(text);
	return out;
}
