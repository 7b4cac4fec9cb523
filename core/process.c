#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  GRACE_MS = 2000, /* from SIGTERM to SIGKILL */
  LINGER_MS = 500, /* for output of those the program left behind */
  BLOCK = 65536,
};

struct stream {
  uv_pipe_t pipe; /* first member */
  struct process *process;
  struct buffer *captured; /* borrowed: of the result */
  bool closed;
};

struct process {
  uv_process_t handle;
  uv_timer_t timer;
  struct stream input;
  struct stream output;
  struct stream errors;
  uv_write_t write;
  char *input_copy; /* owned */
  size_t input_length;
  size_t limit;     /* of each output */
  int open_handles; /* not yet closed by the loop */
  void (*on_end)(void *data);
  void *data; /* borrowed */
  struct process_result result;
  bool exited;
  bool ending;   /* SIGTERM was sent */
  bool ended;    /* on_end was called, or would have been */
  bool released; /* free it as soon as the handles are closed */
  char block[BLOCK];
};

static void free_when_done(struct process *process) {
  if (!process->released || process->open_handles > 0) return;
  buffer_wipe(&process->result.output); /* programs are asked for secrets, and told some */
  buffer_wipe(&process->result.errors);
  if (process->input_copy) explicit_bzero(process->input_copy, process->input_length);
  free(process->input_copy);
  explicit_bzero(process->block, sizeof process->block);
  free(process);
}

static void on_closed(uv_handle_t *handle) {
  struct process *process = handle->data;
  process->open_handles--;
  free_when_done(process);
}

static void close_handle(uv_handle_t *handle) {
  if (!uv_is_closing(handle)) uv_close(handle, on_closed);
}

static void close_stream(struct stream *stream) {
  stream->closed = true;
  close_handle((uv_handle_t *)&stream->pipe);
}

static void close_all(struct process *process) {
  close_stream(&process->input);
  close_stream(&process->output);
  close_stream(&process->errors);
  close_handle((uv_handle_t *)&process->timer);
  close_handle((uv_handle_t *)&process->handle);
}

static void signal_group(struct process *process, int number) { (void)kill(-process->handle.pid, number); }

static void end_if_complete(struct process *process) {
  if (process->ended || !process->exited || !process->output.closed || !process->errors.closed) return;
  process->ended = true;
  close_all(process);
  if (process->on_end) process->on_end(process->data);
}

static void on_linger(uv_timer_t *timer) {
  struct process *process = timer->data;
  close_stream(&process->output);
  close_stream(&process->errors);
  end_if_complete(process);
}

static void on_grace(uv_timer_t *timer) { signal_group(timer->data, SIGKILL); }

static void end_group(struct process *process, enum process_ending ending) {
  if (process->ending || process->exited) return;
  process->ending = true;
  process->result.ending = ending;
  signal_group(process, SIGTERM);
  uv_timer_start(&process->timer, on_grace, GRACE_MS, 0);
}

static void on_timeout(uv_timer_t *timer) { end_group(timer->data, PROCESS_TIMED_OUT); }

static void on_exit_status(uv_process_t *handle, int64_t status, int number) {
  struct process *process = handle->data;
  process->exited = true;
  process->result.status = (int)status;
  process->result.signal = number;
  if (process->ending) signal_group(process, SIGKILL); /* those that outlive their leader */
  close_stream(&process->input);
  uv_update_time(process->timer.loop);
  uv_timer_start(&process->timer, on_linger, LINGER_MS, 0);
  end_if_complete(process);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room) {
  struct process *process = handle->data;
  (void)suggested;
  *room = uv_buf_init(process->block, sizeof process->block);
}

static void on_output(uv_stream_t *pipe, ssize_t got, const uv_buf_t *bytes) {
  struct stream *stream = (struct stream *)pipe;
  struct process *process = stream->process;
  if (got < 0) {
    close_stream(stream);
    end_if_complete(process);
    return;
  }
  bool fits = (size_t)got <= process->limit - stream->captured->length;
  if (process->ending) { /* what it has said so far may come after the moment at which it had to end */
    if (fits && process->result.ending == PROCESS_TIMED_OUT)
      (void)buffer_append(stream->captured, bytes->base, (size_t)got);
  } else if (!fits) {
    end_group(process, PROCESS_TOO_MUCH_OUTPUT);
  } else if (!buffer_append(stream->captured, bytes->base, (size_t)got)) {
    end_group(process, PROCESS_OUT_OF_MEMORY);
  }
}

static void on_written(uv_write_t *write, int status) {
  struct process *process = write->data;
  (void)status; /* a program may well end without reading its input */
  close_stream(&process->input);
}

/* What is open here is nobody else's business, whoever opened it. */
static void keep_descriptors(void) {
  if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  DIR *directory = opendir("/proc/self/fd"); /* a kernel before 5.11 */
  if (!directory) return;
  for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    char *end = NULL;
    long fd = strtol(entry->d_name, &end, 10);
    if (end != entry->d_name && fd > 2) (void)fcntl((int)fd, F_SETFD, FD_CLOEXEC);
  }
  closedir(directory);
}

static bool set_start_error(struct error *err, const char *name, int status) {
  enum error_kind kind = ERROR_IO;
  if (status == UV_ENOENT || status == UV_ENOTDIR) kind = ERROR_NOT_FOUND;
  if (status == UV_EACCES || status == UV_EPERM) kind = ERROR_DENIED;
  if (status == UV_ENOMEM) kind = ERROR_MEMORY;
  error_set(err, kind, "cannot run %.300s: %s", name, uv_strerror(status));
  return false;
}

static void open_pipe(struct process *process, struct stream *stream, uv_loop_t *loop,
                      struct buffer *captured) {
  uv_pipe_init(loop, &stream->pipe, 0);
  stream->pipe.data = process;
  stream->process = process;
  stream->captured = captured;
}

static int spawn(struct process *process, const struct process_request *request, uv_loop_t *loop) {
  uv_stdio_container_t streams[3] = {
      {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&process->input.pipe},
      {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&process->output.pipe},
      {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&process->errors.pipe},
  };
  if (!request->input) streams[0].flags = UV_IGNORE; /* /dev/null */
  uv_process_options_t options = {
      .file = request->argv[0],
      .args = request->argv,
      .env = request->env,
      .cwd = request->directory,
      .exit_cb = on_exit_status,
      .flags = UV_PROCESS_DETACHED, /* a group, and a session, of its own */
      .stdio = streams,
      .stdio_count = 3,
  };
  keep_descriptors();
  process->handle.data = process;
  return uv_spawn(loop, &process->handle, &options);
}

static void send_input(struct process *process, size_t length) {
  uv_buf_t bytes = uv_buf_init(process->input_copy, (unsigned)length);
  process->write.data = process;
  if (length == 0 ||
      uv_write(&process->write, (uv_stream_t *)&process->input.pipe, &bytes, 1, on_written) != 0)
    close_stream(&process->input);
}

struct process *process_start(uv_loop_t *loop, const struct process_request *request,
                              void (*on_end)(void *data), void *data, struct error *err) {
  struct process *process = calloc(1, sizeof *process);
  if (process && request->input) process->input_copy = malloc(request->input_length + 1);
  if (!process || (request->input && !process->input_copy)) {
    free(process);
    error_set(err, ERROR_MEMORY, "out of memory");
    return NULL;
  }
  if (request->input && process->input_copy)
    memcpy(process->input_copy, request->input, request->input_length);
  process->input_length = request->input ? request->input_length : 0;
  process->limit = request->output_limit;
  process->on_end = on_end;
  process->data = data;
  process->open_handles = 5;
  open_pipe(process, &process->input, loop, NULL);
  open_pipe(process, &process->output, loop, &process->result.output);
  open_pipe(process, &process->errors, loop, &process->result.errors);
  uv_timer_init(loop, &process->timer);
  process->timer.data = process;

  int status = spawn(process, request, loop);
  if (status != 0) {
    set_start_error(err, request->argv[0], status);
    process->released = true;
    close_all(process);
    return NULL;
  }
  uv_read_start((uv_stream_t *)&process->output.pipe, on_room, on_output);
  uv_read_start((uv_stream_t *)&process->errors.pipe, on_room, on_output);
  if (request->input) {
    send_input(process, request->input_length);
  } else {
    close_stream(&process->input);
  }
  if (request->timeout_ms > 0) {
    uv_update_time(loop);
    uv_timer_start(&process->timer, on_timeout, request->timeout_ms, 0);
  }
  return process;
}

const struct process_result *process_result(const struct process *process) { return &process->result; }

void process_release(struct process *process) {
  process->released = true;
  process->on_end = NULL;
  if (!process->ended) end_group(process, PROCESS_TIMED_OUT);
  free_when_done(process);
}
