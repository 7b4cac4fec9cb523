/* file.h: files read whole, replaced and created atomically, private by default; directories; locks.
 *
 * A write is complete and on disk when it returns, or it left everything as it was, with no temporary file
 * behind. Error kinds: ERROR_NOT_FOUND, ERROR_EXISTS, ERROR_DENIED, ERROR_LOCKED, ERROR_MEMORY, else
 * ERROR_IO. These calls block: they are meant for small files on local disks. */
#ifndef CORE_FILE_H
#define CORE_FILE_H

#include "buffer.h"
#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FILE_PRIVATE = 0600, FILE_LARGEST = 1 << 30 };

/* Appends the whole content. Files beyond FILE_LARGEST: ERROR_LIMIT. */
bool file_read(const char *path, struct buffer *content, struct error *err);

/* Puts a new file with this content and mode in the place of `path`, which need not exist. A symbolic link is
 * replaced, not followed. */
bool file_write(const char *path, const void *bytes, size_t length, unsigned mode, struct error *err);
/* The same only if there is nothing: ERROR_EXISTS otherwise. Nobody ever sees a part of the content. */
bool file_create(const char *path, const void *bytes, size_t length, unsigned mode, struct error *err);
/* Puts a new file with the content and mode of `from` in the place of `to`. The file system copies by itself
 * where it can: XFS and Btrfs share the blocks until one of the two changes. */
bool file_copy(const char *from, const char *to, struct error *err);
/* Removes a file, durably. */
bool file_remove(const char *path, struct error *err);

struct file_facts {
  uint64_t size;
  unsigned mode;    /* permission bits */
  double mtime;     /* seconds since 1970 */
  const char *kind; /* "file", "directory" or "other"; links are followed */
};
bool file_stat(const char *path, struct file_facts *facts, struct error *err);

/* The names in a directory, sorted by bytes, without ".", ".." and files that are being written. NULL with
 * `err` set when it cannot be read. */
struct file_names;
struct file_names *file_names_new(const char *directory, struct error *err);
size_t file_names_count(const struct file_names *names);
const char *file_names_at(const struct file_names *names, size_t index);
/* Accepts NULL. */
void file_names_free(struct file_names *names);

/* Makes a directory and those above it that are missing, durably, for this user alone. True if it exists
 * already. */
bool directory_create(const char *path, struct error *err);
/* Removes an empty directory. */
bool directory_remove(const char *path, struct error *err);

/* An exclusive lock between processes (and between two locks of one process), gone with its holder. The file
 * stays: lock one beside the data, since replacing a file loses the locks on it. */
struct file_lock;
/* Does not wait: ERROR_LOCKED when someone holds it. Creates the file if it is missing. */
struct file_lock *file_lock_acquire(const char *path, struct error *err);
/* Accepts NULL. */
void file_lock_release(struct file_lock *lock);

#endif
