/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the program that shows a prompt: PROGRAM display|confirm|input|choice|choices TEXT [CHOICE...], with details
 * in its environment (DM_SERVER, DM_INITIAL, DM_MAXLEN, DM_INPUT, DM_MASKED, DM_SECONDS). Its exit code: 0 yes, 1
 * no, 2 cancelled; its output: the text, or the number of each choice on a line. No shell is involved. */
#include "agent/dm/ui_alert.h"
#include "base/buf.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { HOOK_VARIABLES = 6, HOOK_ENVIRONMENT = 512, HOOK_LOOK_MS = 50, HOOK_CRASHED = 255 };

/* A server's text as an argument: complete, without characters that would end it early. */
static char *text_of(struct str s, struct arena *a)
{
    char *out = arena_bytes(a, s.n + 1);

    if (!out) return NULL;
    for (size_t i = 0; i < s.n; i++) out[i] = s.p[i] ? s.p[i] : ' ';
    out[s.n] = '\0';
    return out;
}

static bool arguments(const struct user *u, const struct user_question *q, struct arena *a,
                      char *argv[USER_CHOICES + 4])
{
    static const char *const kind[] = { "display", "confirm", "input", "choice", "choices" };
    size_t n = 0;

    argv[n++] = text_of(str_of(u->program), a);
    argv[n++] = text_of(str_of(kind[q->code - 1100]), a);
    argv[n++] = text_of(q->text, a);
    for (size_t i = 0; i < q->n_choices; i++) argv[n++] = text_of(q->choices[i], a);
    argv[n] = NULL;
    for (size_t i = 0; i < n; i++)
        if (!argv[i]) return false;
    return true;
}

static bool environment(const struct user_question *q, unsigned wait_s, struct arena *a,
                        char *envp[HOOK_ENVIRONMENT + 1])
{
    struct str own[HOOK_VARIABLES] = { arena_printf(a, "DM_SERVER=%.*s", STR_ARG(q->server)),
                                       arena_printf(a, "DM_INITIAL=%.*s", STR_ARG(q->initial)),
                                       arena_printf(a, "DM_MAXLEN=%zu", q->max_len),
                                       arena_printf(a, "DM_INPUT=%c", q->input),
                                       arena_printf(a, "DM_MASKED=%d", q->masked),
                                       arena_printf(a, "DM_SECONDS=%u", wait_s) };
    size_t n = 0;

    for (size_t i = 0; i < HOOK_VARIABLES; i++)
        if (!(envp[n++] = own[i].n ? text_of(own[i], a) : NULL)) return false;
    for (char **e = environ; *e && n < HOOK_ENVIRONMENT; e++)
        if (strncmp(*e, "DM_", 3) != 0) envp[n++] = *e;
    envp[n] = NULL;
    return true;
}

static int start(char **argv, char **envp, int *fd, pid_t *pid)
{
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t at;
    sigset_t none, defaults;
    int pipes[2], rc;

    if (pipe(pipes)) return errno;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawn_file_actions_init(&fa);
    posix_spawnattr_init(&at);
    posix_spawnattr_setflags(&at, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                      POSIX_SPAWN_SETSIGDEF); /* a process group, which can be ended as a whole */
    posix_spawnattr_setsigmask(&at, &none);
    posix_spawnattr_setsigdefault(&at, &defaults);
    posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", 0, 0);
    posix_spawn_file_actions_adddup2(&fa, pipes[1], 1);
    posix_spawn_file_actions_addclose(&fa, pipes[0]);
    if (pipes[1] != 1) posix_spawn_file_actions_addclose(&fa, pipes[1]);
    rc = posix_spawn(pid, argv[0], &fa, &at, argv, envp);
    posix_spawn_file_actions_destroy(&fa);
    posix_spawnattr_destroy(&at);
    close(pipes[1]);
    if (rc)
        close(pipes[0]);
    else
        *fd = pipes[0];
    return rc;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Read the program's output until it ends, within the time limit. @return exit code, or -1: it was killed. Excess
 * output is not read. */
static int listen_to(pid_t pid, int fd, unsigned wait_s, const atomic_bool *stop, struct buf *out)
{
    int64_t until = now_ms() + (int64_t)wait_s * 1000;
    bool open = true;
    int status;

    for (;;) {
        struct pollfd p = { fd, POLLIN, 0 };
        char part[512];
        if (open && poll(&p, 1, HOOK_LOOK_MS) > 0) {
            ssize_t n = read(fd, part, sizeof part);
            open = n > 0 && buf_ok(out);
            if (n > 0) buf_put(out, (struct str){ part, (size_t)n });
        } else if (!open) {
            poll(NULL, 0, HOOK_LOOK_MS);
        }
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid) {
            p.revents = 0;
            for (ssize_t n; open && poll(&p, 1, 0) > 0 && (n = read(fd, part, sizeof part)) > 0;)
                buf_put(out, (struct str){ part, (size_t)n });
            return WIFEXITED(status) ? WEXITSTATUS(status) : HOOK_CRASHED;
        }
        if (now_ms() >= until || (stop && *stop)) {
            kill(-pid, SIGKILL);
            waitpid(pid, &status, 0);
            return -1;
        }
    }
}

int ui_alert_hook(const struct user *u, const struct user_question *q, unsigned wait_s, struct arena *a,
                  struct str *answer)
{
    static const int codes[] = { 200, 304, 214 };
    char *argv[USER_CHOICES + 4], *envp[HOOK_ENVIRONMENT + 1];
    struct buf out;
    pid_t pid;
    int fd = -1, code, status = 500;

    if (!u->program || !arguments(u, q, a, argv) || !environment(q, wait_s, a, envp) || start(argv, envp, &fd, &pid))
        return 406;
    buf_init(&out, USER_TEXT_BYTES);
    code = listen_to(pid, fd, wait_s, u->stop, &out);
    close(fd);
    if (code < 0)
        status = 408;
    else if ((size_t)code >= sizeof codes / sizeof codes[0])
        status = 406;
    else if (codes[code] != 200)
        status = q->code == 1101 || code == 2 ? codes[code] : 214;
    else if (buf_ok(&out)) {
        struct str said = buf_str(&out);
        while (said.n && (said.p[said.n - 1] == '\n' || said.p[said.n - 1] == '\r')) said.n--;
        status = arena_str(a, said, answer) ? 200 : 500;
    }
    buf_finish(&out);
    return status;
}
