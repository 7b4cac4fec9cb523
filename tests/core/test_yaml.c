#include "yaml.h"

#include "check.h"

#include <stdlib.h>

static char shown[1024];

/* The document as JSON, or the error. */
static const char *read(const char *text) {
  struct error err = {0};
  json_t *value = yaml_parse(text, strlen(text), &err);
  if (!value) {
    (void)snprintf(shown, sizeof shown, "%s", err.message);
    return shown;
  }
  char *json = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
  (void)snprintf(shown, sizeof shown, "%s", json ? json : "(none)");
  free(json);
  json_decref(value);
  return shown;
}

static void test_scalars(void) {
  CHECK_TEXT(read("[~, null, NULL, '', \"null\"]"), "[null,null,null,\"\",\"null\"]");
  CHECK_TEXT(read("a:\nb: 1"), "{\"a\":null,\"b\":1}");
  CHECK_TEXT(read("[true, False, yes, no, on]"), "[true,false,\"yes\",\"no\",\"on\"]");
  CHECK_TEXT(read("[1, -7, +3, 0x1F, 0o17, 017, 1_000]"), "[1,-7,3,31,15,17,\"1_000\"]");
  CHECK_TEXT(read("[1.5, .5, 2., 1e3, -1.25E-2]"), "[1.5,0.5,2.0,1000.0,-0.012500000000000001]");
  CHECK_TEXT(read("[1.2.3, 1e, ., -, 0x, 12a, 2020-01-01]"),
             "[\"1.2.3\",\"1e\",\".\",\"-\",\"0x\",\"12a\",\"2020-01-01\"]");
  CHECK_TEXT(read("9223372036854775807"), "9223372036854775807");
  CHECK_TEXT(read("!!str 5"), "\"5\"");
  CHECK_TEXT(read("! 5"), "\"5\"");
  CHECK_TEXT(read(""), "null");
  CHECK_TEXT(read("# nothing\n"), "null");
}

static void test_collections(void) {
  CHECK_TEXT(read("a: 1\nb:\n  - x\n  - {c: d}\nc: |\n  two\n  lines\n"),
             "{\"a\":1,\"b\":[\"x\",{\"c\":\"d\"}],\"c\":\"two\\nlines\\n\"}");
  CHECK_TEXT(read("1: a\ntrue: b\n"), "{\"1\":\"a\",\"true\":\"b\"}");
  CHECK_TEXT(read("--- {}\n...\n"), "{}");
  CHECK_TEXT(read("profiles:\n  one:\n    access_key: SCW\n    insecure: false\n"),
             "{\"profiles\":{\"one\":{\"access_key\":\"SCW\",\"insecure\":false}}}");
}

static void test_refusals(void) {
  static const struct {
    const char *text;
    const char *reason;
  } wrong[] = {
      {"a: &x secret\nb: *x\n", "an anchor, which is not allowed, at line 1"},
      {"\nb: *x\n", "an alias, which is not allowed, at line 2"},
      {"&x [1]", "anchor"},
      {"&x {a: 1}", "anchor"},
      {"!secret 5", "an unknown tag at line 1"},
      {"a: 1\na: 2\n", "a key appears twice at line 2"},
      {"? [1]\n: 2\n", "a collection as a key"},
      {"--- 1\n--- 2\n", "a second document at line 2"},
      {"9223372036854775808", "too large"},
      {"1e999", "too large"},
      {".inf", "too large"},
      {"\"a\\0b\": 1", "a NUL in a key"},
      {"a: [secret", "line 2"},
      {"a: b: secret", "at line 1"},
      {"\xff", "line 1"},
      {"a:\n\t- secret", "line 2"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    const char *found = read(wrong[i].text);
    if (!CHECK(strstr(found, wrong[i].reason) && !strstr(found, "secret")))
      (void)fprintf(stderr, "  %s: %s\n", wrong[i].text, found);
  }
}

static void test_depth(void) {
  char text[2 * YAML_DEPTH + 3];
  for (size_t depth = YAML_DEPTH; depth <= YAML_DEPTH + 1; depth++) {
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    text[2 * depth] = '\0';
    CHECK((strstr(read(text), "nested too deeply") == NULL) == (depth == YAML_DEPTH));
  }
}

int main(void) {
  test_scalars();
  test_collections();
  test_refusals();
  test_depth();
  return check_report();
}
