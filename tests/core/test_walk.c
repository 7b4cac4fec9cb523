#include "walk.h"

#include "check.h"

#include <stdlib.h>

enum { MOST = 50 };

static uint32_t next_random(uint64_t *state) {
  *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
  return (uint32_t)(*state >> 33);
}

static void test_longest_first(void) {
  /* 0 alone; 1 <- 2 <- 3 a chain; 4 heavy */
  struct graph *graph = graph_new(5);
  struct error err = {0};
  uint32_t node = 0;
  graph_edge(graph, 2, 1, &err);
  graph_edge(graph, 3, 2, &err);
  struct walk *walk = walk_new(graph, NULL, &err);
  const uint32_t wanted[] = {1, 0, 4};
  for (int i = 0; i < 3; i++) CHECK(walk_next(walk, &node) && node == wanted[i]);
  CHECK(!walk_next(walk, &node) && !walk_finished(walk));
  walk_free(walk);

  const double weights[] = {1, 1, 1, 1, 3.5};
  walk = walk_new(graph, weights, &err);
  const uint32_t heavy_first[] = {4, 1, 0};
  for (int i = 0; i < 3; i++) CHECK(walk_next(walk, &node) && node == heavy_first[i]);
  CHECK(walk_done(walk, 1) && walk_next(walk, &node) && node == 2);
  walk_free(walk);
  graph_free(graph);
}

static void test_misuse(void) {
  struct graph *graph = graph_new(2);
  struct error err = {0};
  const uint32_t *skipped = NULL;
  size_t count = 0;
  uint32_t node = 0;
  graph_edge(graph, 1, 0, &err);
  struct walk *walk = walk_new(graph, NULL, &err);
  CHECK(!graph_edge(graph, 0, 1, &err)); /* frozen */
  CHECK(!walk_done(walk, 0));            /* not given out yet */
  CHECK(!walk_done(walk, 7));
  CHECK(walk_next(walk, &node) && walk_done(walk, 0));
  CHECK(!walk_done(walk, 0) && !walk_fail(walk, 0, &skipped, &count)); /* settled */
  walk_free(walk);
  graph_free(graph);
  walk_free(NULL);

  graph = graph_new(2);
  graph_edge(graph, 0, 1, &err);
  graph_edge(graph, 1, 0, &err);
  CHECK(!walk_new(graph, NULL, &err) && err.kind == ERROR_INVALID);
  graph_free(graph);

  graph = graph_new(0);
  walk = walk_new(graph, NULL, &err);
  CHECK(walk && walk_finished(walk) && !walk_next(walk, &node));
  walk_free(walk);
  graph_free(graph);
}

/* A random graph, several nodes under way at once, ended in random order, some of them badly. */
struct world {
  uint32_t nodes;
  unsigned char needs[MOST][MOST]; /* transitive */
  unsigned char direct[MOST][MOST];
  double weights[MOST];
  double remaining[MOST];
  unsigned char state[MOST]; /* 0 waiting, 1 under way, 2 done, 3 failed, 4 skipped */
};

static void make_world(struct world *world, struct graph *graph, uint64_t *seed) {
  struct error err = {0};
  for (uint32_t i = 0; i < 120; i++) {
    uint32_t one = next_random(seed) % world->nodes;
    uint32_t other = next_random(seed) % world->nodes;
    if (one <= other) continue;
    graph_edge(graph, one, other, &err); /* sometimes twice */
    world->direct[one][other] = 1;
  }
  for (uint32_t i = 0; i < world->nodes; i++) {
    world->weights[i] = next_random(seed) % 10;
    for (uint32_t j = 0; j < i; j++) {
      if (!world->direct[i][j]) continue;
      world->needs[i][j] = 1;
      for (uint32_t k = 0; k < j; k++) world->needs[i][k] |= world->needs[j][k];
    }
  }
  for (uint32_t i = world->nodes; i-- > 0;) {
    double longest = 0;
    for (uint32_t j = i + 1; j < world->nodes; j++) {
      if (world->direct[j][i] && world->remaining[j] > longest) longest = world->remaining[j];
    }
    world->remaining[i] = longest + world->weights[i];
  }
}

static bool can_start(const struct world *world, uint32_t node) {
  if (world->state[node] != 0) return false;
  for (uint32_t i = 0; i < world->nodes; i++) {
    if (world->direct[node][i] && world->state[i] != 2) return false;
  }
  return true;
}

static void check_started(const struct world *world, uint32_t node) {
  CHECK(can_start(world, node));
  for (uint32_t i = 0; i < world->nodes; i++) {
    if (!can_start(world, i)) continue;
    CHECK(world->remaining[i] < world->remaining[node] ||
          (world->remaining[i] == world->remaining[node] && i >= node));
  }
}

static void fail_node(struct world *world, struct walk *walk, uint32_t node) {
  const uint32_t *skipped = NULL;
  size_t count = 0;
  CHECK(walk_fail(walk, node, &skipped, &count));
  world->state[node] = 3;
  for (size_t i = 0; i < count; i++) {
    CHECK(world->needs[skipped[i]][node] && world->state[skipped[i]] == 0);
    world->state[skipped[i]] = 4;
  }
  for (uint32_t i = 0; i < world->nodes; i++) CHECK(!world->needs[i][node] || world->state[i] == 4);
}

static void test_random(uint64_t seed) {
  struct world world = {.nodes = 1 + next_random(&seed) % MOST};
  struct graph *graph = graph_new(world.nodes);
  struct error err = {0};
  make_world(&world, graph, &seed);
  struct walk *walk = walk_new(graph, world.weights, &err);
  uint32_t under_way[MOST];
  uint32_t count = 0;
  uint32_t width = 1 + next_random(&seed) % 8;
  bool failures = next_random(&seed) % 2;
  for (;;) {
    uint32_t node = 0;
    while (count < width && walk_next(walk, &node)) {
      check_started(&world, node);
      world.state[node] = 1;
      under_way[count++] = node;
    }
    if (count == 0) break;
    uint32_t at = next_random(&seed) % count;
    node = under_way[at];
    under_way[at] = under_way[--count];
    if (failures && next_random(&seed) % 8 == 0) {
      fail_node(&world, walk, node);
    } else {
      CHECK(walk_done(walk, node));
      world.state[node] = 2;
    }
  }
  CHECK(walk_finished(walk));
  for (uint32_t i = 0; i < world.nodes; i++) CHECK(world.state[i] >= 2 && (failures || world.state[i] == 2));
  walk_free(walk);
  graph_free(graph);
}

int main(void) {
  test_longest_first();
  test_misuse();
  for (uint64_t seed = 1; seed <= 500; seed++) test_random(seed);
  return check_report();
}
