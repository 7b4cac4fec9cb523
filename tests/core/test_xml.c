#include "xml.h"

#include "check.h"

#include <stdlib.h>

static struct xml_node *decode(const char *text) {
  struct error err = {0};
  struct xml_node *root = xml_decode(text, strlen(text), &err);
  if (!CHECK(root)) (void)fprintf(stderr, "  %s: %s\n", text, err.message);
  return root;
}

static void refuses_bytes(const char *text, size_t length, enum error_kind kind) {
  struct error err = {0};
  struct xml_node *root = xml_decode(text, length, &err);
  if (!CHECK(!root && err.kind == kind)) (void)fprintf(stderr, "  %.60s: %s\n", text, err.message);
  xml_free(root);
}

static void refuses(const char *text) { refuses_bytes(text, strlen(text), ERROR_INVALID); }

static void reads_a_listing(void) {
  struct xml_node *root =
      decode("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
             "<!-- who cares --><List xmlns=\"http://s3/\" b=\"2\" a=\"&lt;1&gt;\">\n"
             "  <Key> a &amp; b\xc3\xa9 </Key>\n  <Key><![CDATA[<c>]]>d</Key><Empty/></List>");
  CHECK_TEXT(root->name, "List");
  CHECK(root->text.length == 0);
  CHECK_TEXT(root->attributes->name, "a");
  CHECK_TEXT(root->attributes->value, "<1>");
  CHECK_TEXT(root->attributes->next->name, "b");
  CHECK_TEXT(root->children->text.data, " a & b\xc3\xa9 ");
  CHECK_TEXT(root->children->next->text.data, "<c>d");
  CHECK_TEXT(root->children->next->next->name, "Empty");
  CHECK(root->children->next->next->text.length == 0 && !root->children->next->next->next);
  xml_free(root);
}

static void refuses_what_is_wrong(void) {
  refuses("");
  refuses("   ");
  refuses("text");
  refuses("<a>");
  refuses("<a></b>");
  refuses("<a/><b/>");
  refuses("<a>&nbsp;</a>");
  refuses("<a>&</a>");
  refuses("<a b=\"1\" b=\"2\"/>");
  refuses("<a>\x01</a>");
  refuses("<a>\xff</a>");
  refuses_bytes("<a>\0</a>", 8, ERROR_INVALID);
  refuses("<!DOCTYPE a><a/>");
  refuses("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>");
  refuses("<!DOCTYPE a [<!ENTITY x \"xxxxxxxxxx\"><!ENTITY y \"&x;&x;&x;&x;\">]><a>&y;&y;</a>");
}

static void has_ceilings(void) {
  struct buffer text = {0};
  for (int i = 0; i < XML_DEEPEST; i++) (void)buffer_append_text(&text, "<a>");
  size_t half = text.length;
  for (int i = 0; i < XML_DEEPEST; i++) (void)buffer_append_text(&text, "</a>");
  struct xml_node *deepest = decode(text.data);
  xml_free(deepest);
  text.length = half;
  (void)buffer_append_text(&text, "<a>");
  refuses_bytes(text.data, text.length, ERROR_LIMIT);

  text.length = 0;
  (void)buffer_append_text(&text, "<a");
  for (int i = 0; i < XML_MOST_ATTRIBUTES; i++) (void)buffer_append_format(&text, " a%d=''", i);
  (void)buffer_append_text(&text, "/>");
  struct xml_node *node = decode(text.data);
  CHECK(node && node->attributes);
  xml_free(node);
  text.length -= 2;
  (void)buffer_append_text(&text, " b=''/>");
  refuses_bytes(text.data, text.length, ERROR_LIMIT);
  text.length = 0;
  (void)buffer_append_text(&text, "<a>");
  for (int i = 0; i < XML_MOST_NODES; i++) (void)buffer_append_text(&text, "<b/>");
  (void)buffer_append_text(&text, "</a>");
  refuses_bytes(text.data, text.length, ERROR_LIMIT);
  refuses_bytes(text.data, (size_t)XML_LARGEST + 1, ERROR_LIMIT);
  buffer_free(&text);
}

static void encodes(const char *text, const char *expected) {
  struct xml_node *node = xml_add(NULL, "a");
  struct buffer out = {0};
  struct error err = {0};
  CHECK(buffer_append_text(&node->text, text) && xml_add_attribute(node, "b", text));
  bool ok = xml_encode(&out, node, &err);
  if (expected) {
    CHECK(ok);
    CHECK_TEXT(strchr(out.data, '\n') + 1, expected);
    struct xml_node *back = decode(out.data);
    CHECK_TEXT(back->text.data ? back->text.data : "", text);
    CHECK_TEXT(back->attributes->value, text);
    xml_free(back);
  } else {
    CHECK(!ok && err.kind == ERROR_INVALID);
  }
  buffer_free(&out);
  xml_free(node);
}

static void refuses_name(const char *name) {
  struct xml_node *node = xml_add(NULL, name);
  struct buffer out = {0};
  struct error err = {0};
  CHECK(!xml_encode(&out, node, &err) && err.kind == ERROR_INVALID);
  buffer_free(&out);
  xml_free(node);
}

/* Trees of random shape with hostile text survive the way there and back. */
static void returns_what_it_wrote(void) {
  static const char *const pieces[] = {
      "<",     ">", "&", "\"", "'", "\r\n", "\t", "]]>", "<![CDATA[", "\xc3\xa9", "\xf0\x9f\x98\x80",
      "&amp;", " ", "x"};
  srand(11);
  for (int round = 0; round < 300; round++) {
    struct xml_node *nodes[12] = {xml_add(NULL, "root")};
    int count = 1 + rand() % 11;
    for (int i = 1; i <= count; i++) {
      nodes[i] = xml_add(nodes[rand() % i], "n");
      for (int piece = rand() % 6; piece > 0; piece--)
        (void)buffer_append_text(&nodes[i]->text, pieces[rand() % 14]);
      (void)buffer_append_text(&nodes[i]->text, "."); /* beside children, blank text is dropped */
    }
    struct buffer first = {0};
    struct buffer second = {0};
    struct error err = {0};
    CHECK(xml_encode(&first, nodes[0], &err));
    struct xml_node *back = decode(first.data);
    CHECK(xml_encode(&second, back, &err));
    CHECK_TEXT(second.data, first.data);
    xml_free(back);
    xml_free(nodes[0]);
    buffer_free(&first);
    buffer_free(&second);
  }
}

int main(void) {
  reads_a_listing();
  refuses_what_is_wrong();
  has_ceilings();
  encodes("", "<a b=\"\"></a>");
  encodes("<&>\"'\r\n\t",
          "<a b=\"&lt;&amp;&gt;&quot;&apos;&#13;&#10;&#9;\">&lt;&amp;&gt;&quot;&apos;&#13;\n\t</a>");
  encodes("\xe2\x82\xac\xf0\x9f\x98\x80",
          "<a b=\"\xe2\x82\xac\xf0\x9f\x98\x80\">\xe2\x82\xac\xf0\x9f\x98\x80</a>");
  static const char *const impossible[] = {"\x01",     "\x1f",         "\xff",         "\xc0\xaf",
                                           "\xe2\x82", "\xed\xa0\x80", "\xef\xbf\xbf", "\xf5\x80\x80\x80"};
  for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++) encodes(impossible[i], NULL);
  refuses_name("");
  refuses_name("a b");
  refuses_name("a>");
  refuses_name("1a");
  returns_what_it_wrote();
  return check_report();
}
