/* Faults put into the calls that change a file system below one folder, for tests/sweeping.py.

   cc -shared -fPIC -O1 -o faults.so faults.c -ldl; LD_PRELOAD=faults.so; then `faults_arm`.

   Calls are counted from the moment of arming. At call number `place` the process is killed, or the
   call fails: with no space left from that call on, or with an I/O error once. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { COUNT, KILL, KILL_HALF, NO_SPACE, IO_ERROR };
enum { MAKES = 1, REMOVES = 2, SYNCS = 4 };

static char root[PATH_MAX];
static long place = -1, counted = 0;
static int kind = COUNT, armed = 0, log_to = -1;

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

void faults_arm(const char *folder, long at, int how, int log_file) {
    strncpy(root, folder, sizeof root - 1);
    place = at, kind = how, counted = 0, log_to = log_file, armed = 1;
}

long faults_counted(void) { return counted; }
void faults_disarm(void) { armed = 0; }

static int below(const char *path) {
    return strncmp(path, root, strlen(root)) == 0;
}

static int named(int folder, const char *path, char *full) {
    if (path[0] == '/') { snprintf(full, PATH_MAX, "%s", path); return below(full); }
    char link[64], from[PATH_MAX];
    ssize_t n;
    if (folder == AT_FDCWD) { if (!getcwd(from, sizeof from)) return 0; }
    else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        if ((n = readlink(link, from, sizeof from - 1)) < 0) return 0;
        from[n] = 0;
    }
    snprintf(full, PATH_MAX, "%.2000s/%.2000s", from, path);
    return below(full);
}

static int opened(int file, char *full) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t n = readlink(link, full, PATH_MAX - 1);
    if (n < 0) return 0;
    full[n] = 0;
    return below(full);
}

/* What becomes of a call: 0 it is done, 1 half of it is written and the process dies, -1 it fails. */
static int fate(const char *call, const char *path, int what) {
    long number = counted++;
    if (log_to >= 0) dprintf(log_to, "%s %s\n", call, path + strlen(root));
    if (kind == NO_SPACE && place >= 0 && number >= place && what == MAKES) { errno = ENOSPC; return -1; }
    if (number != place) return 0;
    if (kind == KILL) { raise(SIGKILL); }
    if (kind == KILL_HALF) return 1;
    if (kind == IO_ERROR) { errno = EIO; return -1; }
    return 0;
}

#define PATH_CALL(type, name, what, folder, path, parameters, arguments) \
    type name parameters { \
        REAL(name); \
        char full[PATH_MAX]; \
        if (armed && named(folder, path, full)) { \
            int found = fate(#name, full, what); \
            if (found < 0) return -1; \
            if (found > 0) { real arguments; raise(SIGKILL); } \
        } \
        return real arguments; \
    }

PATH_CALL(int, mkdir, MAKES, AT_FDCWD, p, (const char *p, mode_t m), (p, m))
PATH_CALL(int, mkdirat, MAKES, d, p, (int d, const char *p, mode_t m), (d, p, m))
PATH_CALL(int, unlink, REMOVES, AT_FDCWD, p, (const char *p), (p))
PATH_CALL(int, rmdir, REMOVES, AT_FDCWD, p, (const char *p), (p))
PATH_CALL(int, unlinkat, REMOVES, d, p, (int d, const char *p, int f), (d, p, f))
PATH_CALL(int, rename, MAKES, AT_FDCWD, a, (const char *a, const char *b), (a, b))
PATH_CALL(int, renameat, MAKES, d, a, (int d, const char *a, int e, const char *b), (d, a, e, b))
PATH_CALL(int, renameat2, MAKES, d, a, (int d, const char *a, int e, const char *b, unsigned f), (d, a, e, b, f))
PATH_CALL(int, truncate, REMOVES, AT_FDCWD, p, (const char *p, off_t n), (p, n))
PATH_CALL(int, truncate64, REMOVES, AT_FDCWD, p, (const char *p, off64_t n), (p, n))

#define OPEN_CALL(name, parameters, folder, path, arguments) \
    int name parameters { \
        REAL(name); \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); } \
        char full[PATH_MAX]; \
        if (armed && (flags & O_CREAT) && named(folder, path, full)) { \
            int found = fate(#name, full, MAKES); \
            if (found < 0) return -1; \
            if (found > 0) { real arguments; raise(SIGKILL); } \
        } \
        return real arguments; \
    }

OPEN_CALL(open, (const char *p, int flags, ...), AT_FDCWD, p, (p, flags, mode))
OPEN_CALL(open64, (const char *p, int flags, ...), AT_FDCWD, p, (p, flags, mode))
OPEN_CALL(openat, (int d, const char *p, int flags, ...), d, p, (d, p, flags, mode))
OPEN_CALL(openat64, (int d, const char *p, int flags, ...), d, p, (d, p, flags, mode))

#define FILE_CALL(type, name, what, parameters, arguments, half) \
    type name parameters { \
        REAL(name); \
        char full[PATH_MAX]; \
        if (armed && opened(f, full)) { \
            int found = fate(#name, full, what); \
            if (found < 0) return -1; \
            if (found > 0) { half; raise(SIGKILL); } \
        } \
        return real arguments; \
    }

FILE_CALL(ssize_t, write, MAKES, (int f, const void *b, size_t n), (f, b, n), if (real(f, b, n / 2)) {})
FILE_CALL(ssize_t, pwrite64, MAKES, (int f, const void *b, size_t n, off64_t o), (f, b, n, o), if (real(f, b, n / 2, o)) {})
FILE_CALL(ssize_t, writev, MAKES, (int f, const struct iovec *v, int n), (f, v, n), if (real(f, v, n / 2)) {})
FILE_CALL(ssize_t, copy_file_range, MAKES, (int g, off64_t *a, int f, off64_t *b, size_t n, unsigned h), (g, a, f, b, n, h), if (real(g, a, f, b, n / 2, h)) {})
FILE_CALL(ssize_t, sendfile, MAKES, (int f, int g, off_t *o, size_t n), (f, g, o, n), if (real(f, g, o, n / 2)) {})
FILE_CALL(ssize_t, sendfile64, MAKES, (int f, int g, off64_t *o, size_t n), (f, g, o, n), if (real(f, g, o, n / 2)) {})
FILE_CALL(int, fsync, SYNCS, (int f), (f), )
FILE_CALL(int, fdatasync, SYNCS, (int f), (f), )
FILE_CALL(int, ftruncate, REMOVES, (int f, off_t n), (f, n), )
FILE_CALL(int, ftruncate64, REMOVES, (int f, off64_t n), (f, n), )
