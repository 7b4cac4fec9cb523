#include "walk.h"

#include <stdlib.h>

enum state { WAITING, READY, RUNNING, DONE, FAILED, SKIPPED };

struct walk {
  struct graph *graph;   /* borrowed, frozen */
  double *remaining;     /* owned; weight of the heaviest path that starts at the node */
  size_t *missing;       /* owned; edges to needs that are not done */
  unsigned char *states; /* owned */
  uint32_t *heap;        /* owned; the ready nodes, the first one on top */
  size_t ready;
  uint32_t *skipped; /* owned; all skipped nodes, in the order of the failures */
  size_t skipped_count;
  size_t unsettled;
};

static bool precedes(const struct walk *walk, uint32_t one, uint32_t other) {
  if (walk->remaining[one] != walk->remaining[other]) return walk->remaining[one] > walk->remaining[other];
  return one < other;
}

static void heap_push(struct walk *walk, uint32_t node) {
  size_t at = walk->ready++;
  while (at > 0) {
    size_t parent = (at - 1) / 2;
    if (!precedes(walk, node, walk->heap[parent])) break;
    walk->heap[at] = walk->heap[parent];
    at = parent;
  }
  walk->heap[at] = node;
}

static uint32_t heap_pop(struct walk *walk) {
  uint32_t top = walk->heap[0];
  uint32_t last = walk->heap[--walk->ready];
  size_t at = 0;
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= walk->ready) break;
    if (child + 1 < walk->ready && precedes(walk, walk->heap[child + 1], walk->heap[child])) child++;
    if (!precedes(walk, walk->heap[child], last)) break;
    walk->heap[at] = walk->heap[child];
    at = child;
  }
  walk->heap[at] = last;
  return top;
}

static void make_ready(struct walk *walk, uint32_t node) {
  walk->states[node] = READY;
  heap_push(walk, node);
}

/* In an order where needs come first, read backwards, every dependant is known before its needs. */
static void weigh(struct walk *walk, const uint32_t *order, const double *weights) {
  for (size_t i = graph_node_count(walk->graph); i-- > 0;) {
    uint32_t node = order[i];
    size_t count = 0;
    const uint32_t *dependants = graph_dependants(walk->graph, node, &count);
    double longest = 0;
    for (size_t j = 0; j < count; j++) {
      if (walk->remaining[dependants[j]] > longest) longest = walk->remaining[dependants[j]];
    }
    walk->remaining[node] = longest + (weights ? weights[node] : 1);
  }
}

static bool allocate(struct walk *walk, size_t nodes) {
  walk->remaining = calloc(nodes + 1, sizeof *walk->remaining);
  walk->missing = calloc(nodes + 1, sizeof *walk->missing);
  walk->states = calloc(nodes + 1, sizeof *walk->states);
  walk->heap = calloc(nodes + 1, sizeof *walk->heap);
  walk->skipped = calloc(nodes + 1, sizeof *walk->skipped);
  return walk->remaining && walk->missing && walk->states && walk->heap && walk->skipped;
}

struct walk *walk_new(struct graph *graph, const double *weights, struct error *err) {
  size_t nodes = graph_node_count(graph);
  struct walk *walk = calloc(1, sizeof *walk);
  if (!walk || !allocate(walk, nodes)) {
    error_set(err, ERROR_MEMORY, "out of memory");
    goto fail;
  }
  walk->graph = graph;
  walk->unsettled = nodes;
  uint32_t *order = walk->heap; /* not needed for the heap yet */
  if (!graph_order(graph, order, err)) goto fail;
  graph_freeze(graph);
  weigh(walk, order, weights);
  for (uint32_t node = 0; node < nodes; node++) {
    (void)graph_needs(graph, node, &walk->missing[node]);
    if (walk->missing[node] == 0) make_ready(walk, node);
  }
  return walk;

fail:
  walk_free(walk);
  return NULL;
}

void walk_free(struct walk *walk) {
  if (!walk) return;
  free(walk->remaining);
  free(walk->missing);
  free(walk->states);
  free(walk->heap);
  free(walk->skipped);
  free(walk);
}

bool walk_next(struct walk *walk, uint32_t *node) {
  if (walk->ready == 0) return false;
  *node = heap_pop(walk);
  walk->states[*node] = RUNNING;
  return true;
}

static bool settle(struct walk *walk, uint32_t node, enum state state) {
  if (node >= graph_node_count(walk->graph) || walk->states[node] != RUNNING) return false;
  walk->states[node] = (unsigned char)state;
  walk->unsettled--;
  return true;
}

bool walk_done(struct walk *walk, uint32_t node) {
  if (!settle(walk, node, DONE)) return false;
  size_t count = 0;
  const uint32_t *dependants = graph_dependants(walk->graph, node, &count);
  for (size_t i = 0; i < count; i++) {
    uint32_t dependant = dependants[i];
    if (--walk->missing[dependant] == 0 && walk->states[dependant] == WAITING) make_ready(walk, dependant);
  }
  return true;
}

/* Skips the waiting dependants of one node; they land behind those already in `skipped`. */
static void skip_dependants(struct walk *walk, uint32_t node) {
  size_t count = 0;
  const uint32_t *dependants = graph_dependants(walk->graph, node, &count);
  for (size_t i = 0; i < count; i++) {
    if (walk->states[dependants[i]] != WAITING) continue;
    walk->states[dependants[i]] = SKIPPED;
    walk->skipped[walk->skipped_count++] = dependants[i];
    walk->unsettled--;
  }
}

bool walk_fail(struct walk *walk, uint32_t node, const uint32_t **skipped, size_t *count) {
  if (!settle(walk, node, FAILED)) return false;
  size_t first = walk->skipped_count;
  skip_dependants(walk, node);
  for (size_t i = first; i < walk->skipped_count; i++) skip_dependants(walk, walk->skipped[i]);
  *skipped = walk->skipped + first;
  *count = walk->skipped_count - first;
  return true;
}

bool walk_finished(const struct walk *walk) { return walk->unsettled == 0; }
