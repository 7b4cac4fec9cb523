#include "graph.h"

#include <stdlib.h>
#include <string.h>

/* Neighbours of node n: targets[starts[n]] up to targets[starts[n + 1]]. */
struct rows {
  size_t *starts;    /* owned; nodes + 1 */
  uint32_t *targets; /* owned; edges */
};

struct graph {
  size_t nodes;
  size_t edges;
  size_t capacity;
  uint32_t *from; /* owned; both ends of the edges, in the order they were added */
  uint32_t *to;   /* owned */
  struct rows needs;
  struct rows dependants;
  bool prepared;
  bool frozen;
};

enum colour { WHITE, OPEN, CLOSED };

/* A depth-first search that keeps its own stack. */
struct search {
  unsigned char *colours; /* owned */
  uint32_t *path;         /* owned; the open nodes, from the root */
  size_t *next;           /* owned; per open node: the neighbour to look at next */
  size_t depth;
};

struct graph *graph_new(size_t nodes) {
  if (nodes >= UINT32_MAX) return NULL;
  struct graph *graph = calloc(1, sizeof *graph);
  if (graph) graph->nodes = nodes;
  return graph;
}

static void rows_free(struct rows *rows) {
  free(rows->starts);
  free(rows->targets);
  *rows = (struct rows){0};
}

void graph_free(struct graph *graph) {
  if (!graph) return;
  free(graph->from);
  free(graph->to);
  rows_free(&graph->needs);
  rows_free(&graph->dependants);
  free(graph);
}

size_t graph_node_count(const struct graph *graph) { return graph->nodes; }
size_t graph_edge_count(const struct graph *graph) { return graph->edges; }
void graph_freeze(struct graph *graph) { graph->frozen = true; }

static bool grow(struct graph *graph) {
  size_t capacity = graph->capacity ? graph->capacity * 2 : 64;
  uint32_t *from = realloc(graph->from, capacity * sizeof *from);
  if (from) graph->from = from;
  uint32_t *to = realloc(graph->to, capacity * sizeof *to);
  if (to) graph->to = to;
  if (!from || !to) return false;
  graph->capacity = capacity;
  return true;
}

bool graph_edge(struct graph *graph, uint32_t from, uint32_t to, struct error *err) {
  if (from >= graph->nodes || to >= graph->nodes) {
    error_set(err, ERROR_INVALID, "an edge to a node that does not exist");
    return false;
  }
  if (graph->frozen) {
    error_set(err, ERROR_INVALID, "an edge cannot be added once the graph is being walked");
    return false;
  }
  if (graph->edges == graph->capacity && !grow(graph)) {
    error_set(err, ERROR_MEMORY, "out of memory");
    return false;
  }
  graph->from[graph->edges] = from;
  graph->to[graph->edges] = to;
  graph->edges++;
  graph->prepared = false;
  return true;
}

/* Counting sort of the edges by `keys`; stable. */
static bool rows_build(struct rows *rows, size_t nodes, size_t edges, const uint32_t *keys,
                       const uint32_t *values) {
  rows_free(rows);
  rows->starts = calloc(nodes + 2, sizeof *rows->starts);
  rows->targets = malloc((edges ? edges : 1) * sizeof *rows->targets);
  if (!rows->starts || !rows->targets) return false;
  size_t *starts = rows->starts + 1; /* one ahead while filling: ends as the start of the next row */
  for (size_t i = 0; i < edges; i++) starts[keys[i] + 1]++;
  for (size_t i = 1; i <= nodes; i++) starts[i] += starts[i - 1];
  for (size_t i = 0; i < edges; i++) rows->targets[starts[keys[i]]++] = values[i];
  return true;
}

bool graph_prepare(struct graph *graph) {
  if (graph->prepared) return true;
  graph->prepared = rows_build(&graph->needs, graph->nodes, graph->edges, graph->from, graph->to) &&
                    rows_build(&graph->dependants, graph->nodes, graph->edges, graph->to, graph->from);
  return graph->prepared;
}

static const uint32_t *row(const struct rows *rows, uint32_t node, size_t *count) {
  *count = rows->starts[node + 1] - rows->starts[node];
  return rows->targets + rows->starts[node];
}

const uint32_t *graph_needs(const struct graph *graph, uint32_t node, size_t *count) {
  return row(&graph->needs, node, count);
}

const uint32_t *graph_dependants(const struct graph *graph, uint32_t node, size_t *count) {
  return row(&graph->dependants, node, count);
}

static void search_free(struct search *search) {
  free(search->colours);
  free(search->path);
  free(search->next);
}

static bool search_begin(struct search *search, struct graph *graph) {
  *search = (struct search){
      .colours = calloc(graph->nodes + 1, sizeof *search->colours),
      .path = malloc((graph->nodes + 1) * sizeof *search->path),
      .next = malloc((graph->nodes + 1) * sizeof *search->next),
  };
  if (search->colours && search->path && search->next && graph_prepare(graph)) return true;
  search_free(search);
  return false;
}

static void search_open(struct search *search, uint32_t node) {
  search->colours[node] = OPEN;
  search->path[search->depth] = node;
  search->next[search->depth] = 0;
  search->depth++;
}

/* Searches from `root`; writes the nodes it closes to `order` (may be NULL). False when it met a cycle:
 * `*back` is the open node that was met again. */
static bool search_from(struct search *search, const struct graph *graph, uint32_t root, uint32_t **order,
                        uint32_t *back) {
  search_open(search, root);
  while (search->depth > 0) {
    uint32_t node = search->path[search->depth - 1];
    size_t count = 0;
    const uint32_t *needs = graph_needs(graph, node, &count);
    size_t at = search->next[search->depth - 1]++;
    if (at == count) {
      search->colours[node] = CLOSED;
      search->depth--;
      if (order) *(*order)++ = node;
    } else if (search->colours[needs[at]] == OPEN) {
      *back = needs[at];
      return false;
    } else if (search->colours[needs[at]] == WHITE) {
      search_open(search, needs[at]);
    }
  }
  return true;
}

bool graph_order(struct graph *graph, uint32_t *order, struct error *err) {
  struct search search;
  uint32_t back = 0;
  if (!search_begin(&search, graph)) {
    error_set(err, ERROR_MEMORY, "out of memory");
    return false;
  }
  bool ok = true;
  for (uint32_t node = 0; ok && node < graph->nodes; node++) {
    if (search.colours[node] == WHITE) ok = search_from(&search, graph, node, &order, &back);
  }
  search_free(&search);
  if (!ok) error_set(err, ERROR_INVALID, "the graph has a cycle");
  return ok;
}

/* The open path from `back` on, closed, turned so that the smallest node comes first. */
static uint32_t *closed_path(const struct search *search, uint32_t back, size_t *length) {
  size_t first = search->depth - 1;
  while (first > 0 && search->path[first] != back) first--;
  size_t count = search->depth - first;
  uint32_t *path = malloc((count + 1) * sizeof *path);
  if (!path) return NULL;
  size_t smallest = 0;
  for (size_t i = 1; i < count; i++) {
    if (search->path[first + i] < search->path[first + smallest]) smallest = i;
  }
  for (size_t i = 0; i <= count; i++) path[i] = search->path[first + (smallest + i) % count];
  *length = count + 1;
  return path;
}

bool graph_cycle(struct graph *graph, uint32_t **path, size_t *length) {
  struct search search;
  uint32_t back = 0;
  *path = NULL;
  *length = 0;
  if (!search_begin(&search, graph)) return false;
  bool ok = true;
  for (uint32_t node = 0; ok && node < graph->nodes; node++) {
    if (search.colours[node] == WHITE) ok = search_from(&search, graph, node, NULL, &back);
  }
  if (!ok) *path = closed_path(&search, back, length);
  search_free(&search);
  return ok || *path;
}
