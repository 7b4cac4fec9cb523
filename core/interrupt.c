#include "interrupt.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
  APART_MS = 50,  /* tools signal the process and then its group: one interrupt all the same */
  GRACE_MS = 500, /* from the second signal on */
  LOOK_MS = 10,
  RADIX = 128, /* above every signal */
  DEAF = -1,   /* the process is being ended */
  SILENT = -2, /* nobody wants to know any more */
};

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
enum { NUMBERS = sizeof numbers / sizeof *numbers };

struct interrupts {
  uv_async_t heard; /* first member: on_heard finds the whole struct */
  struct interrupt_listener listener;
  struct sigaction before[NUMBERS];
  bool watched[NUMBERS];
  pthread_t thread;
  sem_t again;           /* a signal came before the one before was heard, or the thread has to end */
  atomic_llong pending;  /* the signal that was not heard yet, with its moment; 0: none; DEAF; SILENT */
  atomic_llong repeated; /* the one of these that another one came after */
  atomic_int last;       /* that other one */
};

/* What a signal handler finds; it may still be running in some thread when signals are watched no longer. */
static struct interrupts only;
static struct interrupts *_Atomic watching;

/* A signal and its moment as one number, so that they change as one. */
static long long signal_now(int number) {
  struct timespec now = {0};
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return ((long long)now.tv_sec * 1000 + now.tv_nsec / 1000000) * RADIX + number;
}
static int number_of(long long signal) { return (int)(signal % RADIX); }
static long long moment_of(long long signal) { return signal / RADIX; }

static void on_number(int number) {
  struct interrupts *all = atomic_load(&watching);
  int before = errno;
  long long pending = 0;
  if (!all) return;
  long long now = signal_now(number);
  if (atomic_compare_exchange_strong(&all->pending, &pending, now)) {
    (void)uv_async_send(&all->heard);
  } else if (pending > 0 && moment_of(now) - moment_of(pending) >= APART_MS) {
    atomic_store(&all->last, number);
    atomic_store(&all->repeated, pending);
    (void)sem_post(&all->again);
  }
  errno = before;
}

void interrupts_pass(const struct interrupts *interrupts) {
  while (atomic_load(&interrupts->pending) == DEAF) (void)pause();
}

static void on_heard(uv_async_t *handle) {
  struct interrupts *all = (struct interrupts *)handle;
  long long pending = atomic_load(&all->pending);
  while (pending > 0 && !atomic_compare_exchange_weak(&all->pending, &pending, 0)) {
  }
  interrupts_pass(all);
  if (pending > 0) all->listener.on_signal(all->listener.data, number_of(pending));
}

static bool is_deaf_to(struct interrupts *all, long long signal) {
  return signal != 0 && atomic_load(&all->pending) == signal;
}

static void *wait_for_again(void *argument) {
  struct interrupts *all = argument;
  const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
  while (atomic_load(&all->pending) != SILENT) {
    if (sem_wait(&all->again) != 0) continue;
    long long unheard = atomic_load(&all->repeated);
    for (int waited = 0; waited < GRACE_MS && is_deaf_to(all, unheard); waited += LOOK_MS)
      (void)nanosleep(&look, NULL);
    if (is_deaf_to(all, unheard) && atomic_compare_exchange_strong(&all->pending, &unheard, DEAF))
      all->listener.on_deaf(all->listener.data, atomic_load(&all->last));
  }
  return NULL;
}

/* A closed terminal ends a deployment as gently as an interrupt, unless the program was told to outlive it
 * (nohup). */
static bool is_watched(int number) {
  struct sigaction present;
  return number != SIGHUP || sigaction(number, NULL, &present) != 0 || present.sa_handler != SIG_IGN;
}

/* The thread handles no signal: the main thread's calls are interrupted as ever. */
static int start_thread(struct interrupts *all) {
  sigset_t every;
  sigset_t before;
  (void)sigfillset(&every);
  (void)pthread_sigmask(SIG_SETMASK, &every, &before);
  int status = pthread_create(&all->thread, NULL, wait_for_again, all);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  return status;
}

struct interrupts *interrupts_open(uv_loop_t *loop, const struct interrupt_listener *listener,
                                   struct error *err) {
  struct interrupts *all = &only;
  memset(all, 0, sizeof *all);
  all->listener = *listener;
  int status = uv_async_init(loop, &all->heard, on_heard);
  if (status != 0) {
    error_set(err, ERROR_IO, "cannot watch signals: %s", uv_strerror(status));
    return NULL;
  }
  uv_unref((uv_handle_t *)&all->heard);
  (void)sem_init(&all->again, 0, 0);
  status = start_thread(all);
  if (status != 0) {
    error_set(err, ERROR_IO, "cannot watch signals: %s", strerror(status));
    uv_close((uv_handle_t *)&all->heard, NULL);
    return NULL;
  }
  atomic_store(&watching, all);
  struct sigaction action = {.sa_handler = on_number, .sa_flags = SA_RESTART};
  (void)sigfillset(&action.sa_mask);
  for (size_t i = 0; i < NUMBERS; i++)
    all->watched[i] = is_watched(numbers[i]) && sigaction(numbers[i], &action, &all->before[i]) == 0;
  return all;
}

void interrupts_silence(struct interrupts *interrupts) {
  if (!interrupts) return;
  long long pending = atomic_load(&interrupts->pending);
  while (pending != DEAF && !atomic_compare_exchange_weak(&interrupts->pending, &pending, SILENT)) {
  }
  interrupts_pass(interrupts);
}

void interrupts_close(struct interrupts *interrupts) {
  if (!interrupts) return;
  for (size_t i = 0; i < NUMBERS; i++)
    if (interrupts->watched[i]) (void)sigaction(numbers[i], &interrupts->before[i], NULL);
  atomic_store(&watching, NULL);
  interrupts_silence(interrupts);
  (void)sem_post(&interrupts->again);
  (void)pthread_join(interrupts->thread, NULL);
  uv_close((uv_handle_t *)&interrupts->heard, NULL);
}
