/* walk.h: which node of a graph comes next, while several are under way. Pure: no I/O, no clock.
 *
 * Of the nodes whose needs are all done, the one with the longest remaining path (its own weight and the
 * heaviest chain of dependants behind it) comes first; of equals the smaller number. A failed node skips all
 * that need it, directly or not, and nothing else. */
#ifndef CORE_WALK_H
#define CORE_WALK_H

#include "error.h"
#include "graph.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct walk;

/* Freezes `graph`, which must outlive the walk. `weights`: one a node, not negative, copied; NULL: all 1.
 * NULL with `err` set: out of memory, ERROR_INVALID for a cycle. */
struct walk *walk_new(struct graph *graph, const double *weights, struct error *err);
/* Accepts NULL. */
void walk_free(struct walk *walk);

/* The next node to start. False when none can start now: all are under way or settled. */
bool walk_next(struct walk *walk, uint32_t *node);

/* Settles a node that walk_next gave out. False when it did not, or when it is settled already. */
bool walk_done(struct walk *walk, uint32_t node);
/* The same for one that failed: `*skipped` are the `*count` nodes that are given up for it, nearest first;
 * they live as long as the walk. */
bool walk_fail(struct walk *walk, uint32_t node, const uint32_t **skipped, size_t *count);

/* Is every node settled: done, failed or skipped? */
bool walk_finished(const struct walk *walk);

#endif
