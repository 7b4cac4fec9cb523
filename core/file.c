#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names of files that are being written start like this. */
#define TEMPORARY ".writing-"

struct file_names {
  char **names; /* owned, and each of them */
  size_t count;
  size_t capacity;
};

struct file_lock {
  int fd;
};

static enum error_kind kind_of(int number) {
  switch (number) {
  case ENOENT:
    return ERROR_NOT_FOUND;
  case EEXIST:
    return ERROR_EXISTS;
  case EACCES:
  case EPERM:
  case EROFS:
    return ERROR_DENIED;
  case EWOULDBLOCK:
    return ERROR_LOCKED;
  case ENOMEM:
    return ERROR_MEMORY;
  default:
    return ERROR_IO;
  }
}

/* Always false, for `return`. */
static bool fail(struct error *err, const char *doing, const char *path) {
  int number = errno;
  error_set(err, kind_of(number), "cannot %s %.380s: %s", doing, path, strerror(number));
  return false;
}

bool file_read(const char *path, struct buffer *content, struct error *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(err, "read", path);
  struct stat facts;
  size_t step = 65536;
  if (fstat(fd, &facts) == 0 && facts.st_size > 0 && facts.st_size < FILE_LARGEST)
    step = (size_t)facts.st_size + 1; /* one more, so that the second read finds the end */
  bool ok = false;
  for (;;) {
    bool full = content->length + 1 >= content->capacity;
    if (full && !buffer_reserve(content, step)) {
      error_set(err, ERROR_MEMORY, "cannot read %.400s: out of memory", path);
      break;
    }
    ssize_t got = read(fd, content->data + content->length, content->capacity - content->length - 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      fail(err, "read", path);
      break;
    }
    content->length += (size_t)got;
    content->data[content->length] = '\0';
    ok = got == 0;
    if (ok) break;
    if (content->length > FILE_LARGEST) {
      error_set(err, ERROR_LIMIT, "cannot read %.400s: too large", path);
      break;
    }
    step = 65536;
  }
  close(fd);
  return ok;
}

static bool write_all(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(fd, bytes, length);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes += written;
    length -= (size_t)written;
  }
  return true;
}

/* The directory part, to be freed; "." when there is none. */
static char *directory_of(const char *path) {
  const char *slash = strrchr(path, '/');
  if (!slash) return strdup(".");
  return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* Makes the entries of the directory that holds `path` durable. */
static bool sync_directory(const char *path) {
  char *directory = directory_of(path);
  if (!directory) return false;
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  free(directory);
  if (fd < 0) return false;
  bool ok = fsync(fd) == 0 || errno == EINVAL; /* some file systems cannot, and need not */
  int number = errno;
  close(fd);
  errno = number;
  return ok;
}

/* What a new file will hold: bytes, or what another file holds. */
struct content {
  const void *bytes;
  size_t length;
  int source; /* a file descriptor; -1: the bytes */
};

/* The file system copies; where it cannot, the bytes are read and written. */
static bool copy_all(int fd, int source) {
  enum { CHUNK = 1 << 30, BLOCK = 1 << 16 };
  while (copy_file_range(source, NULL, fd, NULL, CHUNK, 0) > 0) {
  }
  char *block = malloc(BLOCK);
  if (!block) return false;
  bool ok = true;
  for (ssize_t count = 1; ok && count != 0;) {
    count = read(source, block, BLOCK);
    if (count < 0 && errno == EINTR) continue;
    ok = count >= 0 && write_all(fd, block, (size_t)count);
  }
  int number = errno;
  free(block);
  errno = number;
  return ok;
}

static bool fill(int fd, const struct content *content) {
  return content->source < 0 ? write_all(fd, content->bytes, content->length) : copy_all(fd, content->source);
}

/* Writes the content, durably, to a new file beside `path` and returns its name, to be freed. NULL with errno
 * set; nothing is left then. */
static char *write_beside(const char *path, const struct content *content, unsigned mode) {
  char *directory = directory_of(path);
  char *name = NULL;
  if (!directory || asprintf(&name, "%s/" TEMPORARY "XXXXXX", directory) < 0) {
    free(directory);
    errno = ENOMEM;
    return NULL;
  }
  free(directory);
  int fd = mkostemp(name, O_CLOEXEC);
  if (fd < 0) {
    int number = errno;
    free(name);
    errno = number;
    return NULL;
  }
  bool ok = fchmod(fd, (mode_t)mode & 07777) == 0 && fill(fd, content) && fsync(fd) == 0;
  int number = errno;
  if (close(fd) != 0 && ok) {
    ok = false;
    number = errno;
  }
  if (ok) return name;
  (void)unlink(name);
  free(name);
  errno = number;
  return NULL;
}

static bool replace(const char *path, const struct content *content, unsigned mode, struct error *err) {
  char *name = write_beside(path, content, mode);
  if (!name) return fail(err, "write", path);
  bool ok = rename(name, path) == 0;
  if (!ok) {
    fail(err, "write", path);
    (void)unlink(name);
  }
  free(name);
  if (ok && !sync_directory(path)) return fail(err, "write", path);
  return ok;
}

bool file_write(const char *path, const void *bytes, size_t length, unsigned mode, struct error *err) {
  return replace(path, &(struct content){bytes, length, -1}, mode, err);
}

bool file_copy(const char *from, const char *to, struct error *err) {
  struct stat found;
  int source = open(from, O_RDONLY | O_CLOEXEC);
  if (source < 0) return fail(err, "read", from);
  bool ok = fstat(source, &found) == 0 ? replace(to, &(struct content){.source = source}, found.st_mode, err)
                                       : fail(err, "look at", from);
  (void)close(source);
  return ok;
}

/* Gives the file its name unless that is taken. Where hard links do not exist, a renaming does the same. */
static bool publish(const char *name, const char *path) {
  if (link(name, path) == 0) {
    (void)unlink(name);
    return true;
  }
  if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS || errno == EMLINK)
    return renameat2(AT_FDCWD, name, AT_FDCWD, path, RENAME_NOREPLACE) == 0;
  return false;
}

bool file_create(const char *path, const void *bytes, size_t length, unsigned mode, struct error *err) {
  char *name = write_beside(path, &(struct content){bytes, length, -1}, mode);
  if (!name) return fail(err, "create", path);
  bool ok = publish(name, path);
  if (!ok) {
    fail(err, "create", path);
    (void)unlink(name);
  }
  free(name);
  if (ok && !sync_directory(path)) return fail(err, "create", path);
  return ok;
}

bool file_remove(const char *path, struct error *err) {
  if (unlink(path) != 0 || !sync_directory(path)) return fail(err, "remove", path);
  return true;
}

bool file_stat(const char *path, struct file_facts *facts, struct error *err) {
  struct stat found;
  if (stat(path, &found) != 0) return fail(err, "look at", path);
  *facts = (struct file_facts){
      .size = (uint64_t)found.st_size,
      .mode = found.st_mode & 07777,
      .mtime = (double)found.st_mtim.tv_sec + (double)found.st_mtim.tv_nsec / 1e9,
      .kind = S_ISREG(found.st_mode)   ? "file"
              : S_ISDIR(found.st_mode) ? "directory"
                                       : "other",
  };
  return true;
}

void file_names_free(struct file_names *names) {
  if (!names) return;
  for (size_t i = 0; i < names->count; i++) free(names->names[i]);
  free(names->names);
  free(names);
}

static bool add_name(struct file_names *names, const char *name) {
  if (names->count == names->capacity) {
    size_t capacity = names->capacity ? names->capacity * 2 : 32;
    char **grown = realloc(names->names, capacity * sizeof *grown);
    if (!grown) return false;
    names->names = grown;
    names->capacity = capacity;
  }
  char *copy = strdup(name);
  if (!copy) return false;
  names->names[names->count++] = copy;
  return true;
}

static int compare(const void *one, const void *other) {
  return strcmp(*(char *const *)one, *(char *const *)other);
}

struct file_names *file_names_new(const char *directory, struct error *err) {
  struct file_names *names = calloc(1, sizeof *names);
  DIR *open_directory = names ? opendir(directory) : NULL;
  if (!open_directory) goto fail;
  for (;;) {
    errno = 0;
    const struct dirent *entry = readdir(open_directory);
    if (!entry && errno != 0) goto fail;
    if (!entry) break;
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
    if (strncmp(name, TEMPORARY, sizeof TEMPORARY - 1) == 0) continue;
    if (!add_name(names, name)) goto fail;
  }
  closedir(open_directory);
  if (names->count > 1) qsort(names->names, names->count, sizeof *names->names, compare);
  return names;

fail:
  fail(err, "list", directory);
  if (open_directory) closedir(open_directory);
  file_names_free(names);
  return NULL;
}

size_t file_names_count(const struct file_names *names) { return names->count; }
const char *file_names_at(const struct file_names *names, size_t index) { return names->names[index]; }

static bool is_directory(const char *path) {
  struct stat facts;
  return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

static bool make_one(const char *path) {
  if (mkdir(path, 0700) == 0) return sync_directory(path);
  int number = errno;
  if (is_directory(path)) return true; /* also when a parent may not be written */
  errno = number;
  return false;
}

bool directory_create(const char *path, struct error *err) {
  char *part = strdup(path);
  if (!part) {
    errno = ENOMEM;
    return fail(err, "create directory", path);
  }
  bool ok = true;
  for (char *at = part + 1; ok && *part && *at; at++) {
    if (*at != '/') continue;
    *at = '\0';
    ok = make_one(part);
    *at = '/';
  }
  ok = ok && make_one(part);
  int number = errno;
  free(part);
  errno = number;
  return ok ? true : fail(err, "create directory", path);
}

bool directory_remove(const char *path, struct error *err) {
  if (rmdir(path) != 0) return fail(err, "remove directory", path);
  return true;
}

struct file_lock *file_lock_acquire(const char *path, struct error *err) {
  struct file_lock *lock = malloc(sizeof *lock);
  if (!lock) {
    error_set(err, ERROR_MEMORY, "out of memory");
    return NULL;
  }
  lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_PRIVATE);
  if (lock->fd < 0 || flock(lock->fd, LOCK_EX | LOCK_NB) != 0) {
    fail(err, "lock", path);
    file_lock_release(lock);
    return NULL;
  }
  return lock;
}

void file_lock_release(struct file_lock *lock) {
  if (!lock) return;
  if (lock->fd >= 0) close(lock->fd); /* the last descriptor: ends the lock */
  free(lock);
}
