/* Loaded before the C library, this makes system calls for some paths fail as on a bad disk.
 *
 * The file named by FAULTS lists the calls: "open,read 5 NAME" makes every open() and read() of a
 * path that ends in NAME fail with errno 5. All other calls go to the C library. Without the file,
 * no call fails.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(const char *call, const char *path) {
    const char *control = getenv("FAULTS");
    char text[512], calls[128], ending[256];
    int number, before = errno;
    long descriptor, length;
    size_t wanted, given;

    if (control == NULL || path == NULL) return 0;
    descriptor = syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC, 0);
    errno = before;
    if (descriptor < 0) return 0;
    length = syscall(SYS_read, descriptor, text, sizeof text - 1);
    syscall(SYS_close, descriptor);
    errno = before;
    if (length <= 0) return 0;
    text[length] = 0;
    if (sscanf(text, "%127s %d %255s", calls, &number, ending) != 3) return 0;
    wanted = strlen(ending), given = strlen(path);
    if (strstr(calls, call) == NULL || given < wanted || strcmp(path + given - wanted, ending) != 0) return 0;
    errno = number;
    return 1;
}

static int fails_of(const char *call, int descriptor) {
    char link[64], path[512];
    long length;
    int before = errno;

    if (getenv("FAULTS") == NULL) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    errno = before;
    if (length <= 0) return 0;
    path[length] = 0;
    return fails(call, path);
}

#define NEXT(type, name, ...)                          \
    static type (*next)(__VA_ARGS__);                  \
    if (next == NULL) next = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

#define OPEN(name)                                              \
    int name(const char *path, int flags, ...) {                \
        va_list rest;                                           \
        mode_t mode;                                            \
        NEXT(int, #name, const char *, int, ...);               \
        va_start(rest, flags);                                  \
        mode = (flags & O_CREAT) ? va_arg(rest, mode_t) : 0;    \
        va_end(rest);                                           \
        return fails("open", path) ? -1 : next(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define STAT(name)                                              \
    int name(const char *path, void *status) {                  \
        NEXT(int, #name, const char *, void *);                 \
        return fails("stat", path) ? -1 : next(path, status);   \
    }
STAT(stat)
STAT(stat64)
STAT(lstat)
STAT(lstat64)

#define FSTATAT(name)                                                            \
    int name(int folder, const char *path, void *status, int flags) {            \
        NEXT(int, #name, int, const char *, void *, int);                        \
        return fails("stat", path) ? -1 : next(folder, path, status, flags);     \
    }
FSTATAT(fstatat)
FSTATAT(fstatat64)

ssize_t read(int descriptor, void *bytes, size_t most) {
    NEXT(ssize_t, "read", int, void *, size_t);
    return fails_of("read", descriptor) ? -1 : next(descriptor, bytes, most);
}

#define PREAD(name)                                                              \
    ssize_t name(int descriptor, void *bytes, size_t most, off_t start) {        \
        NEXT(ssize_t, #name, int, void *, size_t, off_t);                        \
        return fails_of("read", descriptor) ? -1 : next(descriptor, bytes, most, start); \
    }
PREAD(pread)
PREAD(pread64)

ssize_t sendfile(int to, int from, off_t *start, size_t most) {
    NEXT(ssize_t, "sendfile", int, int, off_t *, size_t);
    return fails_of("read", from) ? -1 : next(to, from, start, most);
}

ssize_t sendfile64(int to, int from, off_t *start, size_t most) {
    NEXT(ssize_t, "sendfile64", int, int, off_t *, size_t);
    return fails_of("read", from) ? -1 : next(to, from, start, most);
}
