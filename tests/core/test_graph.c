#include "graph.h"

#include "check.h"

#include <stdlib.h>

/* A small generator of its own, so that a seed gives the same graphs everywhere. */
static uint32_t next_random(uint64_t *state) {
  *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
  return (uint32_t)(*state >> 33);
}

static void test_edges(void) {
  struct graph *graph = graph_new(3);
  struct error err = {0};
  size_t count = 0;
  CHECK(graph_edge(graph, 0, 2, &err) && graph_edge(graph, 0, 1, &err) && graph_edge(graph, 1, 2, &err));
  CHECK(!graph_edge(graph, 0, 3, &err) && err.kind == ERROR_INVALID);
  CHECK(!graph_edge(graph, 3, 0, &err));
  CHECK(graph_node_count(graph) == 3 && graph_edge_count(graph) == 3);
  CHECK(graph_prepare(graph));
  const uint32_t *needs = graph_needs(graph, 0, &count);
  CHECK(count == 2 && needs[0] == 2 && needs[1] == 1); /* as added */
  const uint32_t *dependants = graph_dependants(graph, 2, &count);
  CHECK(count == 2 && dependants[0] == 0 && dependants[1] == 1);
  (void)graph_needs(graph, 2, &count);
  CHECK(count == 0);
  CHECK(graph_edge(graph, 2, 1, &err) && graph_prepare(graph)); /* seen although the arrays existed */
  needs = graph_needs(graph, 2, &count);
  CHECK(count == 1 && needs[0] == 1);
  graph_freeze(graph);
  CHECK(!graph_edge(graph, 0, 1, &err) && err.kind == ERROR_INVALID);
  graph_free(graph);
}

static void test_order(void) {
  struct graph *graph = graph_new(5);
  struct error err = {0};
  uint32_t order[5];
  CHECK(graph_order(graph, order, &err));
  for (uint32_t i = 0; i < 5; i++) CHECK(order[i] == i);
  graph_edge(graph, 1, 4, &err);
  graph_edge(graph, 4, 3, &err);
  CHECK(graph_order(graph, order, &err));
  const uint32_t wanted[] = {0, 3, 4, 1, 2};
  CHECK(memcmp(order, wanted, sizeof wanted) == 0);
  graph_edge(graph, 3, 1, &err);
  CHECK(!graph_order(graph, order, &err) && err.kind == ERROR_INVALID);
  graph_free(graph);
}

static void test_cycle(void) {
  struct graph *graph = graph_new(6);
  struct error err = {0};
  uint32_t *path = NULL;
  size_t length = 0;
  graph_edge(graph, 0, 5, &err);
  graph_edge(graph, 5, 3, &err);
  graph_edge(graph, 3, 4, &err);
  CHECK(graph_cycle(graph, &path, &length) && !path);
  graph_edge(graph, 4, 5, &err);
  CHECK(graph_cycle(graph, &path, &length) && length == 4);
  const uint32_t wanted[] = {3, 4, 5, 3};
  CHECK(path && memcmp(path, wanted, sizeof wanted) == 0);
  free(path);
  graph_free(graph);

  graph = graph_new(2);
  graph_edge(graph, 1, 1, &err);
  CHECK(graph_cycle(graph, &path, &length) && length == 2 && path && path[0] == 1 && path[1] == 1);
  free(path);
  graph_free(graph);
}

/* Random graphs: without backward edges the order respects every edge; with one the path found is a real
 * cycle. */
static void test_random(uint64_t seed) {
  uint32_t nodes = 1 + next_random(&seed) % 60;
  uint32_t edges = next_random(&seed) % 150;
  struct graph *graph = graph_new(nodes);
  struct error err = {0};
  unsigned char has[60][60] = {{0}};
  uint32_t *names = malloc(nodes * sizeof *names); /* a permutation: numbers say nothing of the order */
  uint32_t *order = malloc(nodes * sizeof *order);
  uint32_t *position = calloc(nodes, sizeof *position);
  for (uint32_t i = 0; i < nodes; i++) names[i] = i;
  for (uint32_t i = nodes; i > 1; i--) {
    uint32_t j = next_random(&seed) % i;
    uint32_t kept = names[i - 1];
    names[i - 1] = names[j];
    names[j] = kept;
  }
  bool backward = next_random(&seed) % 2;
  for (uint32_t i = 0; i < edges; i++) {
    uint32_t one = next_random(&seed) % nodes;
    uint32_t other = next_random(&seed) % nodes;
    if (one <= other && !(backward && next_random(&seed) % 20 == 0)) continue;
    graph_edge(graph, names[one], names[other], &err);
    has[names[one]][names[other]] = 1;
  }
  uint32_t *path = NULL;
  size_t length = 0;
  CHECK(graph_cycle(graph, &path, &length));
  bool ordered = graph_order(graph, order, &err);
  CHECK(ordered == !path);
  CHECK(backward || !path);
  if (path) {
    CHECK(length >= 2 && path[0] == path[length - 1]);
    for (size_t i = 0; i + 1 < length; i++) CHECK(has[path[i]][path[i + 1]]);
    for (size_t i = 1; i + 1 < length; i++) CHECK(path[i] > path[0]);
  } else {
    for (uint32_t i = 0; i < nodes; i++) position[order[i]] += i + 1;
    for (uint32_t i = 0; i < nodes; i++) {
      CHECK(position[i] > 0); /* each once */
      for (uint32_t j = 0; j < nodes; j++) CHECK(!has[i][j] || position[i] > position[j]);
    }
  }
  free(path);
  free(position);
  free(order);
  free(names);
  graph_free(graph);
}

/* A chain this long would end a recursive search. */
static void test_deep(void) {
  enum { LONG = 200000 };
  struct graph *graph = graph_new(LONG);
  struct error err = {0};
  for (uint32_t i = 0; i + 1 < LONG; i++) graph_edge(graph, i, i + 1, &err);
  uint32_t *order = malloc(LONG * sizeof *order);
  CHECK(graph_order(graph, order, &err) && order[0] == LONG - 1 && order[LONG - 1] == 0);
  free(order);
  graph_free(graph);
}

int main(void) {
  struct error err = {0};
  uint32_t order[1];
  struct graph *empty = graph_new(0);
  CHECK(graph_order(empty, order, &err));
  graph_free(empty);
  graph_free(NULL);
  CHECK(!graph_new((size_t)UINT32_MAX));
  test_edges();
  test_order();
  test_cycle();
  for (uint64_t seed = 1; seed <= 500; seed++) test_random(seed);
  test_deep();
  return check_report();
}
