/*
 * Preloaded into a process (LD_PRELOAD), it counts the process's calls on files of one place and lets
 * the k-th of them fail. Node writes with pwrite and write, LevelDB through stdio. Environment:
 *   TORTURE_PATH    only files whose path contains it
 *   TORTURE_CALLS   letters of the calls that count: w(rite), g(row: those writes that make a file longer),
 *                   s(ync), t(runcate), n(ames: create, rename, link, remove, make a folder)
 *   TORTURE_AT      which call, from 1; 0 only counts
 *   TORTURE_KIND    once: it fails; on: it and all that follow fail; short: half of it is done and said;
 *                   torn: half of it is done and it fails; lie: nothing is done and success is said
 *   TORTURE_ERRNO   of the failure
 *   TORTURE_WHILE   only while this file is there do calls count
 *   TORTURE_REPORT  file for what happened: `hit CALL PATH` at the first fault, `count N` at exit
 * A sync that fails here leaves the page cache as it was; a real one may drop what it could not write.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

enum verdict { PASS, FAIL, SHORT, TORN, LIE };

static atomic_long calls;
static atomic_int was_hit;

/* A macro where the compiler optimizes. */
#undef fwrite_unlocked

#define REAL(name) real_##name = real_##name ? real_##name : dlsym(RTLD_NEXT, #name)

static void report(const char *format, ...)
{
	const char *path = getenv("TORTURE_REPORT");
	if (path == NULL)
		return;
	char line[PATH_MAX + 64];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	/* Straight to the system: the calls below are ours. */
	long file = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (file < 0)
		return;
	syscall(SYS_write, file, line, length);
	syscall(SYS_close, file);
}

__attribute__((destructor)) static void report_count(void)
{
	report("count %ld\n", atomic_load(&calls));
}

static enum verdict kind(void)
{
	const char *name = getenv("TORTURE_KIND");
	if (name == NULL)
		return FAIL;
	if (strcmp(name, "short") == 0)
		return SHORT;
	if (strcmp(name, "torn") == 0)
		return TORN;
	return strcmp(name, "lie") == 0 ? LIE : FAIL;
}

static int is_time(void)
{
	const char *file = getenv("TORTURE_WHILE");
	int before = errno;
	int there = file == NULL || access(file, F_OK) == 0;
	errno = before;
	return there;
}

static enum verdict judge_path(char call, const char *name, const char *path)
{
	const char *place = getenv("TORTURE_PATH");
	const char *counted = getenv("TORTURE_CALLS");
	const char *at = getenv("TORTURE_AT");
	if (place == NULL || counted == NULL || at == NULL)
		return PASS;
	if (strchr(counted, call) == NULL || strstr(path, place) == NULL)
		return PASS;
	if (!is_time())
		return PASS;
	long mine = 1 + atomic_fetch_add(&calls, 1);
	long wanted = atol(at);
	const char *how = getenv("TORTURE_KIND");
	int goes_on = how != NULL && strcmp(how, "on") == 0;
	if (wanted == 0 || mine < wanted || (mine > wanted && !goes_on))
		return PASS;
	if (!atomic_exchange(&was_hit, 1))
		report("hit %s %s\n", name, path);
	errno = atoi(getenv("TORTURE_ERRNO") ? getenv("TORTURE_ERRNO") : "5");
	return kind();
}

static enum verdict judge(char call, const char *name, int file)
{
	char link[64], path[PATH_MAX];
	int before = errno;
	snprintf(link, sizeof link, "/proc/self/fd/%d", file);
	ssize_t length = readlink(link, path, sizeof path - 1);
	errno = before;
	if (length < 0)
		return PASS;
	path[length] = 0;
	return judge_path(call, name, path);
}

/* A write of so many bytes; at an offset below 0: where the file stands, or at its end. */
static enum verdict judge_write(const char *name, int file, size_t count, off64_t at)
{
	const char *counted = getenv("TORTURE_CALLS");
	if (counted == NULL || strchr(counted, 'g') == NULL)
		return judge('w', name, file);
	struct stat64 status;
	int before = errno;
	int is_file = fstat64(file, &status) == 0 && S_ISREG(status.st_mode);
	off64_t from = at;
	if (at < 0 && is_file)
		from = fcntl(file, F_GETFL) & O_APPEND ? status.st_size : lseek64(file, 0, SEEK_CUR);
	errno = before;
	if (!is_file || from + (off64_t)count <= status.st_size)
		return PASS;
	return judge('g', name, file);
}

static int failed_errno(void)
{
	return atoi(getenv("TORTURE_ERRNO") ? getenv("TORTURE_ERRNO") : "5");
}

ssize_t write(int file, const void *bytes, size_t count)
{
	static ssize_t (*real_write)(int, const void *, size_t);
	REAL(write);
	enum verdict verdict = judge_write("write", file, count, -1);
	if (verdict == PASS)
		return real_write(file, bytes, count);
	if (verdict == LIE)
		return (ssize_t)count;
	if (verdict == SHORT && count > 1)
		return real_write(file, bytes, count / 2);
	if (verdict == SHORT)
		return real_write(file, bytes, count);
	if (verdict == TORN)
		real_write(file, bytes, count / 2);
	errno = failed_errno();
	return -1;
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at)
{
	static ssize_t (*real_pwrite64)(int, const void *, size_t, off64_t);
	REAL(pwrite64);
	enum verdict verdict = judge_write("pwrite", file, count, at);
	if (verdict == PASS)
		return real_pwrite64(file, bytes, count, at);
	if (verdict == LIE)
		return (ssize_t)count;
	if (verdict == SHORT && count > 1)
		return real_pwrite64(file, bytes, count / 2, at);
	if (verdict == SHORT)
		return real_pwrite64(file, bytes, count, at);
	if (verdict == TORN)
		real_pwrite64(file, bytes, count / 2, at);
	errno = failed_errno();
	return -1;
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at)
{
	return pwrite64(file, bytes, count, at);
}

static ssize_t length_of(const struct iovec *parts, int count)
{
	ssize_t length = 0;
	for (int part = 0; part < count; part++)
		length += (ssize_t)parts[part].iov_len;
	return length;
}

/* Of several parts, half is the first one. */
ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t at)
{
	static ssize_t (*real_pwritev64)(int, const struct iovec *, int, off64_t);
	REAL(pwritev64);
	enum verdict verdict = judge_write("pwritev", file, (size_t)length_of(parts, count), at);
	if (verdict == PASS)
		return real_pwritev64(file, parts, count, at);
	if (verdict == LIE)
		return length_of(parts, count);
	if (verdict == SHORT)
		return real_pwritev64(file, parts, 1, at);
	if (verdict == TORN)
		real_pwritev64(file, parts, 1, at);
	errno = failed_errno();
	return -1;
}

ssize_t writev(int file, const struct iovec *parts, int count)
{
	static ssize_t (*real_writev)(int, const struct iovec *, int);
	REAL(writev);
	enum verdict verdict = judge_write("writev", file, (size_t)length_of(parts, count), -1);
	if (verdict == PASS)
		return real_writev(file, parts, count);
	if (verdict == LIE)
		return length_of(parts, count);
	if (verdict == SHORT)
		return real_writev(file, parts, 1);
	if (verdict == TORN)
		real_writev(file, parts, 1);
	errno = failed_errno();
	return -1;
}

static size_t stdio_write(size_t (*real)(const void *, size_t, size_t, FILE *), const void *bytes,
			  size_t size, size_t count, FILE *stream)
{
	enum verdict verdict = judge('w', "fwrite", fileno(stream));
	if (verdict == PASS)
		return real(bytes, size, count, stream);
	if (verdict == LIE)
		return count;
	/* As stdio does: what was short has failed, and what was done of it stays in its buffer. */
	size_t done = 0;
	if (verdict != FAIL)
		done = size == 1 ? real(bytes, 1, count / 2, stream) : 0;
	errno = failed_errno();
	return done;
}

size_t fwrite_unlocked(const void *bytes, size_t size, size_t count, FILE *stream)
{
	static size_t (*real_fwrite_unlocked)(const void *, size_t, size_t, FILE *);
	REAL(fwrite_unlocked);
	return stdio_write(real_fwrite_unlocked, bytes, size, count, stream);
}

size_t fwrite(const void *bytes, size_t size, size_t count, FILE *stream)
{
	static size_t (*real_fwrite)(const void *, size_t, size_t, FILE *);
	REAL(fwrite);
	return stdio_write(real_fwrite, bytes, size, count, stream);
}

static int stdio_flush(int (*real)(FILE *), FILE *stream)
{
	if (stream == NULL)
		return real(stream);
	enum verdict verdict = judge('w', "fflush", fileno(stream));
	if (verdict == PASS || verdict == SHORT)
		return real(stream);
	if (verdict == LIE)
		return 0;
	errno = failed_errno();
	return EOF;
}

int fflush_unlocked(FILE *stream)
{
	static int (*real_fflush_unlocked)(FILE *);
	REAL(fflush_unlocked);
	return stdio_flush(real_fflush_unlocked, stream);
}

int fflush(FILE *stream)
{
	static int (*real_fflush)(FILE *);
	REAL(fflush);
	return stdio_flush(real_fflush, stream);
}

static int answer(enum verdict verdict)
{
	if (verdict == LIE)
		return 0;
	errno = failed_errno();
	return -1;
}

int fsync(int file)
{
	static int (*real_fsync)(int);
	REAL(fsync);
	enum verdict verdict = judge('s', "fsync", file);
	return verdict == PASS ? real_fsync(file) : answer(verdict);
}

int fdatasync(int file)
{
	static int (*real_fdatasync)(int);
	REAL(fdatasync);
	enum verdict verdict = judge('s', "fdatasync", file);
	return verdict == PASS ? real_fdatasync(file) : answer(verdict);
}

int ftruncate64(int file, off64_t bytes)
{
	static int (*real_ftruncate64)(int, off64_t);
	REAL(ftruncate64);
	enum verdict verdict = judge('t', "ftruncate", file);
	return verdict == PASS ? real_ftruncate64(file, bytes) : answer(verdict);
}

/* Where files cannot grow there is no space left. */
int statfs64(const char *path, struct statfs64 *status)
{
	static int (*real_statfs64)(const char *, struct statfs64 *);
	REAL(statfs64);
	int failure = real_statfs64(path, status);
	const char *place = getenv("TORTURE_PATH");
	const char *counted = getenv("TORTURE_CALLS");
	if (failure != 0 || place == NULL || counted == NULL || strchr(counted, 'g') == NULL)
		return failure;
	if (strstr(path, place) != NULL && is_time())
		status->f_bavail = status->f_bfree = 0;
	return 0;
}

int statfs(const char *path, struct statfs *status)
{
	return statfs64(path, (struct statfs64 *)status);
}

int rename(const char *from, const char *to)
{
	static int (*real_rename)(const char *, const char *);
	REAL(rename);
	enum verdict verdict = judge_path('n', "rename", from);
	return verdict == PASS ? real_rename(from, to) : answer(verdict);
}

int link(const char *from, const char *to)
{
	static int (*real_link)(const char *, const char *);
	REAL(link);
	enum verdict verdict = judge_path('n', "link", to);
	return verdict == PASS ? real_link(from, to) : answer(verdict);
}

int unlink(const char *path)
{
	static int (*real_unlink)(const char *);
	REAL(unlink);
	enum verdict verdict = judge_path('n', "unlink", path);
	return verdict == PASS ? real_unlink(path) : answer(verdict);
}

int mkdir(const char *path, mode_t mode)
{
	static int (*real_mkdir)(const char *, mode_t);
	REAL(mkdir);
	enum verdict verdict = judge_path('n', "mkdir", path);
	return verdict == PASS ? real_mkdir(path, mode) : answer(verdict);
}

/* Opening what is there cannot lack space: only making a file counts. */
int open64(const char *path, int flags, ...)
{
	static int (*real_open64)(const char *, int, ...);
	REAL(open64);
	mode_t mode = 0;
	if (flags & O_CREAT) {
		va_list arguments;
		va_start(arguments, flags);
		mode = va_arg(arguments, mode_t);
		va_end(arguments);
		if (access(path, F_OK) != 0) {
			enum verdict verdict = judge_path('n', "create", path);
			if (verdict != PASS && verdict != LIE)
				return answer(verdict);
		}
	}
	return real_open64(path, flags, mode);
}

FILE *fopen64(const char *path, const char *how)
{
	static FILE *(*real_fopen64)(const char *, const char *);
	REAL(fopen64);
	if (how[0] != 'r') {
		enum verdict verdict = judge_path('n', "create", path);
		if (verdict != PASS && verdict != LIE) {
			errno = failed_errno();
			return NULL;
		}
	}
	return real_fopen64(path, how);
}
