#include "file.h"

#include "check.h"

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[] = "/tmp/test-file-XXXXXX";

static const char *in_root(const char *name) {
  static char paths[16][256];
  static int turn;
  char *path = paths[turn++ % 16];
  (void)snprintf(path, sizeof paths[0], "%s/%s", root, name);
  return path;
}

/* Every entry, files being written included. */
static int count_entries(void) {
  DIR *directory = opendir(root);
  int count = -2; /* . and .. */
  while (directory && readdir(directory)) count++;
  if (directory) closedir(directory);
  return count;
}

static bool holds(const char *path, const char *text) {
  struct buffer content = {0};
  struct error err = {0};
  bool same = file_read(path, &content, &err) && content.length == strlen(text) &&
              memcmp(content.data, text, content.length) == 0;
  CHECK(content.length == 0 ||
        content.capacity < 1024); /* as large as the file: key files are not scattered over memory */
  buffer_free(&content);
  return same;
}

/* How often the directory with this number was made durable. */
static ino_t watched;
static int syncs;
int __real_fsync(int fd);
int __wrap_fsync(int fd);

int __wrap_fsync(int fd) {
  struct stat facts;
  if (fstat(fd, &facts) == 0 && facts.st_ino == watched) syncs++;
  return __real_fsync(fd);
}

static void test_durable_directories(void) {
  struct error err = {0};
  struct stat facts;
  CHECK(stat(root, &facts) == 0);
  watched = facts.st_ino;
  syncs = 0;
  CHECK(directory_create(in_root("durable/below"), &err) && syncs == 1);
  CHECK(directory_create(in_root("durable/below"), &err) && syncs == 1); /* was there */
  CHECK(stat(in_root("durable"), &facts) == 0);
  watched = facts.st_ino;
  CHECK(directory_create(in_root("durable/beside"), &err) && syncs == 2);
  CHECK(directory_remove(in_root("durable/beside"), &err) &&
        directory_remove(in_root("durable/below"), &err));
  CHECK(directory_remove(in_root("durable"), &err));
}

static void test_write(void) {
  struct error err = {0};
  struct stat facts;
  const char *path = in_root("a");
  CHECK(file_write(path, "one", 3, FILE_PRIVATE, &err));
  CHECK(stat(path, &facts) == 0 && (facts.st_mode & 07777) == 0600);
  CHECK(holds(path, "one"));
  CHECK(file_write(path, "three", 5, 0644, &err));
  CHECK(stat(path, &facts) == 0 && (facts.st_mode & 07777) == 0644);
  CHECK(holds(path, "three"));
  CHECK(file_write(path, "", 0, FILE_PRIVATE, &err) && holds(path, ""));
  CHECK(count_entries() == 1);
  CHECK(!file_write(in_root("none/a"), "x", 1, FILE_PRIVATE, &err) && err.kind == ERROR_NOT_FOUND);
  CHECK(file_remove(path, &err));
  CHECK(!file_remove(path, &err) && err.kind == ERROR_NOT_FOUND);
}

static void test_create(void) {
  struct error err = {0};
  const char *path = in_root("a");
  CHECK(file_create(path, "one", 3, FILE_PRIVATE, &err));
  CHECK(!file_create(path, "two", 3, FILE_PRIVATE, &err) && err.kind == ERROR_EXISTS);
  CHECK(holds(path, "one"));
  CHECK(count_entries() == 1);
  CHECK(file_remove(path, &err));
}

/* Of many processes that create the same file one wins, and the content is the winner's. */
static void test_create_race(void) {
  enum { RUNNERS = 8 };
  struct error err = {0};
  const char *path = in_root("race");
  for (int i = 0; i < RUNNERS; i++) {
    if (fork() != 0) continue;
    char text[2] = {(char)('0' + i), '\0'};
    _exit(file_create(path, text, 1, FILE_PRIVATE, &err) ? i : RUNNERS);
  }
  int winners = 0;
  for (int i = 0; i < RUNNERS; i++) {
    int status = 0;
    if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == RUNNERS) continue;
    const char text[2] = {(char)('0' + WEXITSTATUS(status)), '\0'};
    CHECK(holds(path, text));
    winners++;
  }
  CHECK(winners == 1);
  CHECK(count_entries() == 1);
  CHECK(file_remove(path, &err));
}

/* Nothing changes and nothing is left when the disk is full (here: the allowed size reached), or when the
 * name cannot be taken. */
static void test_failures(void) {
  struct error err = {0};
  const char *path = in_root("a");
  char large[4096] = {0};
  CHECK(file_write(path, "old", 3, FILE_PRIVATE, &err));
  struct rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  (void)signal(SIGXFSZ, SIG_IGN);
  struct rlimit small = {.rlim_cur = 1000, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  CHECK(!file_write(path, large, sizeof large, FILE_PRIVATE, &err) && err.kind == ERROR_IO);
  CHECK(!file_create(in_root("b"), large, sizeof large, FILE_PRIVATE, &err) && err.kind == ERROR_IO);
  setrlimit(RLIMIT_FSIZE, &before);
  CHECK(holds(path, "old") && count_entries() == 1);

  CHECK(directory_create(in_root("d/e"), &err));
  CHECK(!file_write(in_root("d"), "x", 1, FILE_PRIVATE, &err));
  CHECK(!file_create(in_root("d"), "x", 1, FILE_PRIVATE, &err) && err.kind == ERROR_EXISTS);
  CHECK(count_entries() == 2);
  CHECK(!directory_remove(in_root("d"), &err));
  CHECK(directory_remove(in_root("d/e"), &err) && directory_remove(in_root("d"), &err));

  struct buffer content = {0};
  CHECK(!file_read(root, &content, &err) && err.kind == ERROR_IO);
  CHECK(!file_read(in_root("none"), &content, &err) && err.kind == ERROR_NOT_FOUND);
  buffer_free(&content);
  CHECK(file_remove(path, &err));
}

static void test_large(void) {
  enum { LARGE = 3000000 };
  struct error err = {0};
  char *bytes = malloc(LARGE);
  for (int i = 0; i < LARGE; i++) bytes[i] = (char)(i * 31);
  struct buffer content = {0};
  CHECK(file_write(in_root("large"), bytes, LARGE, FILE_PRIVATE, &err));
  CHECK(file_read(in_root("large"), &content, &err) && content.length == LARGE);
  CHECK(content.data && memcmp(content.data, bytes, LARGE) == 0);
  buffer_free(&content);
  CHECK(file_read("/proc/self/status", &content, &err) && content.length > 0); /* says its size is 0 */
  buffer_free(&content);
  free(bytes);
  CHECK(file_remove(in_root("large"), &err));
}

/* A copy is a file of its own: what is done to one does nothing to the other. */
static void test_copy(void) {
  enum { LARGE = 300000 };
  struct error err = {0};
  struct stat facts;
  char from[PATH_MAX];
  char *bytes = malloc(LARGE);
  if (!bytes) abort();
  for (int i = 0; i < LARGE; i++) bytes[i] = (char)(i * 31);
  (void)snprintf(from, sizeof from, "%s", in_root("from"));
  CHECK(file_write(from, bytes, LARGE, 0640, &err));
  char to[PATH_MAX];
  (void)snprintf(to, sizeof to, "%s", in_root("to"));
  CHECK(file_write(to, "before", 6, FILE_PRIVATE, &err));
  CHECK(file_copy(from, to, &err));
  FILE *file = fopen(from, "r+");
  CHECK(file && fputs("changed in place", file) >= 0 && fclose(file) == 0);
  struct buffer content = {0};
  CHECK(file_read(to, &content, &err) && content.length == LARGE);
  CHECK(content.data && memcmp(content.data, bytes, LARGE) == 0);
  buffer_free(&content);
  CHECK(stat(to, &facts) == 0 && (facts.st_mode & 07777) == 0640);

  struct rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  struct rlimit small = {.rlim_cur = 1000, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  CHECK(!file_copy(from, to, &err) && err.kind == ERROR_IO);
  setrlimit(RLIMIT_FSIZE, &before);
  CHECK(count_entries() == 2);
  CHECK(file_read(to, &content, &err) && content.length == LARGE);
  buffer_free(&content);

  CHECK(file_copy("/proc/self/status", to, &err)); /* not what a file system can copy: it is read */
  CHECK(file_read(to, &content, &err) && content.length > 0);
  buffer_free(&content);
  CHECK(!file_copy(in_root("none"), from, &err) && err.kind == ERROR_NOT_FOUND);
  CHECK(!file_copy(root, from, &err) && count_entries() == 2);
  CHECK(file_remove(from, &err) && file_remove(to, &err));
  free(bytes);
}

static void test_names(void) {
  struct error err = {0};
  CHECK(file_write(in_root("b"), "", 0, FILE_PRIVATE, &err) &&
        file_write(in_root("a"), "", 0, FILE_PRIVATE, &err));
  CHECK(file_write(in_root(".hidden"), "", 0, FILE_PRIVATE, &err));
  CHECK(file_write(in_root(".writing-x"), "", 0, FILE_PRIVATE, &err));
  struct file_names *names = file_names_new(root, &err);
  CHECK(names && file_names_count(names) == 3);
  if (names && file_names_count(names) == 3) {
    CHECK_TEXT(file_names_at(names, 0), ".hidden");
    CHECK_TEXT(file_names_at(names, 1), "a");
    CHECK_TEXT(file_names_at(names, 2), "b");
  }
  file_names_free(names);
  CHECK(!file_names_new(in_root("none"), &err) && err.kind == ERROR_NOT_FOUND);
  struct file_facts facts;
  CHECK(file_stat(root, &facts, &err));
  CHECK_TEXT(facts.kind, "directory");
  CHECK(file_remove(in_root("a"), &err) && file_remove(in_root("b"), &err));
  CHECK(file_remove(in_root(".hidden"), &err) && file_remove(in_root(".writing-x"), &err));
}

static void test_directories(void) {
  struct error err = {0};
  struct stat facts;
  CHECK(directory_create(in_root("x/y//z/"), &err));
  CHECK(directory_create(in_root("x/y/z"), &err));
  CHECK(stat(in_root("x"), &facts) == 0 && (facts.st_mode & 07777) == 0700);
  CHECK(file_write(in_root("x/file"), "", 0, FILE_PRIVATE, &err));
  CHECK(!directory_create(in_root("x/file"), &err) && err.kind == ERROR_EXISTS);
  CHECK(!directory_create(in_root("x/file/below"), &err));
  CHECK(!directory_create("", &err));
  CHECK(file_remove(in_root("x/file"), &err));
  CHECK(directory_remove(in_root("x/y/z"), &err) && directory_remove(in_root("x/y"), &err));
  CHECK(directory_remove(in_root("x"), &err));
}

static void test_locks(void) {
  struct error err = {0};
  const char *path = in_root("lock");
  struct file_lock *lock = file_lock_acquire(path, &err);
  CHECK(lock);
  CHECK(!file_lock_acquire(path, &err) && err.kind == ERROR_LOCKED);
  file_lock_release(lock);
  pid_t child = fork();
  if (child == 0) {                         /* dies with the lock in its hands */
    static struct file_lock *volatile held; /* reachable to the end */
    held = file_lock_acquire(path, &err);
    CHECK(held);
    (void)raise(SIGKILL);
  }
  CHECK(waitpid(child, NULL, 0) == child);
  lock = file_lock_acquire(path, &err);
  CHECK(lock);
  file_lock_release(lock);
  file_lock_release(NULL);
  CHECK(file_remove(path, &err));
}

int main(void) {
  if (!mkdtemp(root)) return 1;
  test_write();
  test_create();
  test_create_race();
  test_failures();
  test_large();
  test_copy();
  test_names();
  test_directories();
  test_durable_directories();
  test_locks();
  CHECK(count_entries() == 0);
  CHECK(rmdir(root) == 0);
  return check_report();
}
