/* Builds and walks a random graph: bench_graph [nodes [edges]]. Prints the milliseconds. */
#include "graph.h"
#include "walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double milliseconds(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static uint32_t next_random(uint64_t *state) {
  *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
  return (uint32_t)(*state >> 33);
}

int main(int count, char **arguments) {
  uint32_t nodes = count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 100000;
  uint32_t edges = count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 300000;
  uint64_t seed = 42;
  struct error err = {0};
  if (nodes < 2) return 2;
  double start = milliseconds();
  struct graph *graph = graph_new(nodes);
  if (!graph) return 1;
  for (uint32_t i = 0; i < edges; i++) {
    uint32_t from = 1 + next_random(&seed) % (nodes - 1);
    if (!graph_edge(graph, from, next_random(&seed) % from, &err)) return 1;
  }
  double built = milliseconds();
  struct walk *walk = walk_new(graph, NULL, &err);
  if (!walk) return 1;
  uint32_t node = 0;
  uint32_t walked = 0;
  while (walk_next(walk, &node)) {
    walked++;
    (void)walk_done(walk, node);
  }
  double end = milliseconds();
  (void)printf("%u nodes, %u edges: built in %.1f ms, walked %u in %.1f ms\n", nodes, edges, built - start,
               walked, end - built);
  walk_free(walk);
  graph_free(graph);
  return walked == nodes ? 0 : 1;
}
