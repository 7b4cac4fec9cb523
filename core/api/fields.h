/* fields.h: reads names and values, as headers and queries have them, from option tables. The arrays are
 * userdata left on top of the stack; the texts belong to the option tables, which must not change meanwhile.
 */
#ifndef CORE_API_FIELDS_H
#define CORE_API_FIELDS_H

#include "../field.h"

#include <lua.h>

/* Option `name` of the table at `index`: {name = value, ...}. Pushes one value, returns the array. */
const struct field *api_fields_map(lua_State *L, int index, const char *name, size_t *count);
/* Option `name` of the table at `index`: {{name, value}, ...}. Pushes one value, returns the array. */
const struct field *api_fields_list(lua_State *L, int index, const char *name, size_t *count);

#endif
