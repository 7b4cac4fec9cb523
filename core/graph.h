/* graph.h: who needs whom. Pure: no I/O, no clock, every pass linear in nodes and edges.
 *
 * Nodes are numbers from 0. An edge says that one node needs another, which therefore comes first. The same
 * edge may be added twice. Neighbours lie in flat arrays, built when they are first asked for. */
#ifndef CORE_GRAPH_H
#define CORE_GRAPH_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct graph;

/* NULL when out of memory or for more than UINT32_MAX - 1 nodes. */
struct graph *graph_new(size_t nodes);
/* Accepts NULL. */
void graph_free(struct graph *graph);

size_t graph_node_count(const struct graph *graph);
size_t graph_edge_count(const struct graph *graph);

/* `from` needs `to`. False with `err` set: out of memory, no such node, or a walk has begun. */
bool graph_edge(struct graph *graph, uint32_t from, uint32_t to, struct error *err);
/* No edge can be added from now on: for walks, which count them. */
void graph_freeze(struct graph *graph);

/* Builds the arrays behind the next two. Cheap when nothing changed since. False when out of memory. */
bool graph_prepare(struct graph *graph);
/* Direct neighbours, in the order the edges were added; valid until an edge is added. Only after
 * graph_prepare. */
const uint32_t *graph_needs(const struct graph *graph, uint32_t node, size_t *count);
const uint32_t *graph_dependants(const struct graph *graph, uint32_t node, size_t *count);

/* Writes every node behind all that it needs into `order` (room for graph_node_count). Nodes keep the order
 * of their numbers where no edge objects. False with `err` set: out of memory, or ERROR_INVALID when there is
 * a cycle. */
bool graph_order(struct graph *graph, uint32_t *order, struct error *err);

/* Looks for nodes that need themselves, directly or through others. True when the search succeeded: `*path`
 * is NULL, or `*length` nodes of which each needs the next and the last is the first again, beginning at the
 * smallest; the caller frees it. False when out of memory. */
bool graph_cycle(struct graph *graph, uint32_t **path, size_t *length);

#endif
