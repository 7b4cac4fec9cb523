/* Graphs and walks over them. Nodes count from 1 here. */
#include "../graph.h"
#include "../buffer.h"
#include "../walk.h"
#include "api.h"

#include <lauxlib.h>
#include <stdlib.h>

#define GRAPH_METATABLE "core.graph"
#define WALK_METATABLE "core.walk"

enum { MOST_NODES = 0x7ffffffe };

struct graph_handle {
  struct graph *graph; /* owned */
};

struct walk_handle {
  struct walk *walk; /* owned; user value 1 keeps its graph */
  size_t nodes;
};

static struct graph *check_graph(lua_State *L) {
  struct graph_handle *handle = luaL_checkudata(L, 1, GRAPH_METATABLE);
  return handle->graph;
}

static uint32_t check_node(lua_State *L, int argument, size_t nodes) {
  lua_Integer node = luaL_checkinteger(L, argument);
  luaL_argcheck(L, node >= 1 && (size_t)node <= nodes, argument, "no such node");
  return (uint32_t)(node - 1);
}

static void push_nodes(lua_State *L, const uint32_t *nodes, size_t count) {
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    lua_pushinteger(L, (lua_Integer)nodes[i] + 1);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

/* graph(n) -> graph of the nodes 1 to n | nil, err */
static int api_graph(lua_State *L) {
  lua_Integer nodes = luaL_checkinteger(L, 1);
  luaL_argcheck(L, nodes >= 0 && nodes <= MOST_NODES, 1, "not a possible number of nodes");
  struct graph_handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
  handle->graph = NULL;
  luaL_setmetatable(L, GRAPH_METATABLE);
  handle->graph = graph_new((size_t)nodes);
  if (!handle->graph) return api_fail(L, ERROR_MEMORY, "out of memory");
  return 1;
}

static int graph_close(lua_State *L) {
  struct graph_handle *handle = luaL_checkudata(L, 1, GRAPH_METATABLE);
  graph_free(handle->graph);
  handle->graph = NULL;
  return 0;
}

/* graph:edge(from, to): from needs to; to comes first. */
static int api_edge(lua_State *L) {
  struct graph *graph = check_graph(L);
  size_t nodes = graph_node_count(graph);
  struct error err = {0};
  uint32_t from = check_node(L, 2, nodes);
  uint32_t to = check_node(L, 3, nodes);
  if (!graph_edge(graph, from, to, &err)) return luaL_error(L, "%s", err.message);
  return 0;
}

/* graph:cycle() -> nil | nodes of which each needs the next, the first again at the end */
static int api_cycle(lua_State *L) {
  struct graph *graph = check_graph(L);
  struct buffer *copy = api_buffer(L);
  uint32_t *path = NULL;
  size_t length = 0;
  bool ok = graph_cycle(graph, &path, &length) &&
            (!path || buffer_append(copy, path, length * sizeof *path)); /* pushing below may raise */
  free(path);
  if (!ok) return luaL_error(L, "out of memory");
  if (length == 0) return 0;
  push_nodes(L, (const uint32_t *)(const void *)copy->data, length);
  return 1;
}

/* graph:order() -> nodes, needs first; otherwise in the order of their numbers | nil, err(invalid: a cycle)
 */
static int api_order(lua_State *L) {
  struct graph *graph = check_graph(L);
  size_t nodes = graph_node_count(graph);
  struct error err = {0};
  struct buffer *order = api_buffer(L);
  if (!buffer_reserve(order, nodes * sizeof(uint32_t))) return api_fail(L, ERROR_MEMORY, "out of memory");
  if (!graph_order(graph, (uint32_t *)(void *)order->data, &err)) return api_fail_error(L, &err);
  push_nodes(L, (const uint32_t *)(const void *)order->data, nodes);
  return 1;
}

static int push_neighbours(lua_State *L,
                           const uint32_t *(*neighbours)(const struct graph *, uint32_t, size_t *)) {
  struct graph *graph = check_graph(L);
  uint32_t node = check_node(L, 2, graph_node_count(graph));
  size_t count = 0;
  if (!graph_prepare(graph)) return luaL_error(L, "out of memory");
  const uint32_t *nodes = neighbours(graph, node, &count);
  push_nodes(L, nodes, count);
  return 1;
}

/* graph:needs(node) -> nodes it needs directly */
static int api_needs(lua_State *L) { return push_neighbours(L, graph_needs); }

/* graph:dependants(node) -> nodes that need it directly */
static int api_dependants(lua_State *L) { return push_neighbours(L, graph_dependants); }

/* Reads an array of `nodes` weights into `weights`. */
static void check_weights(lua_State *L, int argument, double *weights, size_t nodes) {
  for (size_t i = 0; i < nodes; i++) {
    lua_rawgeti(L, argument, (lua_Integer)i + 1);
    int is_number = 0;
    weights[i] = lua_tonumberx(L, -1, &is_number);
    luaL_argcheck(L, is_number && weights[i] >= 0, argument,
                  "weights must be numbers, one a node, not negative");
    lua_pop(L, 1);
  }
}

/* graph:walk([weights]) -> walk | nil, err(invalid: a cycle). No edge can be added afterwards. */
static int api_walk(lua_State *L) {
  struct graph *graph = check_graph(L);
  size_t nodes = graph_node_count(graph);
  double *weights = NULL;
  struct error err = {0};
  lua_settop(L, 2);
  if (!lua_isnil(L, 2)) {
    luaL_checktype(L, 2, LUA_TTABLE);
    weights = lua_newuserdatauv(L, (nodes + 1) * sizeof *weights, 0);
    check_weights(L, 2, weights, nodes);
  }
  struct walk_handle *handle = lua_newuserdatauv(L, sizeof *handle, 1);
  *handle = (struct walk_handle){.nodes = nodes};
  luaL_setmetatable(L, WALK_METATABLE);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  handle->walk = walk_new(graph, weights, &err);
  if (!handle->walk) return api_fail_error(L, &err);
  return 1;
}

static int walk_close(lua_State *L) {
  struct walk_handle *handle = luaL_checkudata(L, 1, WALK_METATABLE);
  walk_free(handle->walk);
  handle->walk = NULL;
  return 0;
}

/* walk:next() -> node to start now | nil: none can */
static int api_next(lua_State *L) {
  struct walk_handle *handle = luaL_checkudata(L, 1, WALK_METATABLE);
  uint32_t node = 0;
  if (!walk_next(handle->walk, &node)) return 0;
  lua_pushinteger(L, (lua_Integer)node + 1);
  return 1;
}

/* walk:done(node) */
static int api_done(lua_State *L) {
  struct walk_handle *handle = luaL_checkudata(L, 1, WALK_METATABLE);
  uint32_t node = check_node(L, 2, handle->nodes);
  luaL_argcheck(L, walk_done(handle->walk, node), 2, "this node is not under way");
  return 0;
}

/* walk:fail(node) -> the dependants that are skipped for it, nearest first */
static int api_walk_fail(lua_State *L) {
  struct walk_handle *handle = luaL_checkudata(L, 1, WALK_METATABLE);
  uint32_t node = check_node(L, 2, handle->nodes);
  const uint32_t *skipped = NULL;
  size_t count = 0;
  luaL_argcheck(L, walk_fail(handle->walk, node, &skipped, &count), 2, "this node is not under way");
  push_nodes(L, skipped, count);
  return 1;
}

/* walk:finished() -> boolean: is every node done, failed or skipped? */
static int api_finished(lua_State *L) {
  struct walk_handle *handle = luaL_checkudata(L, 1, WALK_METATABLE);
  lua_pushboolean(L, walk_finished(handle->walk));
  return 1;
}

void api_open_graph(lua_State *L) {
  static const struct luaL_Reg functions[] = {{"graph", api_graph}, {NULL, NULL}};
  static const struct luaL_Reg graph_methods[] = {
      {"edge", api_edge},   {"cycle", api_cycle},           {"order", api_order}, {"walk", api_walk},
      {"needs", api_needs}, {"dependants", api_dependants}, {NULL, NULL},
  };
  static const struct luaL_Reg graph_metamethods[] = {{"__gc", graph_close}, {NULL, NULL}};
  static const struct luaL_Reg walk_methods[] = {
      {"next", api_next},         {"done", api_done}, {"fail", api_walk_fail},
      {"finished", api_finished}, {NULL, NULL},
  };
  static const struct luaL_Reg walk_metamethods[] = {{"__gc", walk_close}, {NULL, NULL}};
  api_class(L, GRAPH_METATABLE, graph_methods, graph_metamethods);
  api_class(L, WALK_METATABLE, walk_methods, walk_metamethods);
  luaL_setfuncs(L, functions, 0);
}
