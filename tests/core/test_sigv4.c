/* AWS's published test suite (service "service") and the examples of the S3 documentation; then properties.
 */
#include "sigv4.h"

#include "check.h"

#include <stdlib.h>

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

enum { FIELDS = 8 };

struct vector {
  const char *name;
  const char *method;
  const char *path;
  const char *query[FIELDS][2];
  const char *headers[FIELDS][2]; /* besides host and x-amz-date */
  const char *payload_hash;
  const char *signature;
};

static const struct vector suite[] = {
    {.name = "get-vanilla",
     .method = "GET",
     .path = "/",
     .signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {.name = "post-vanilla",
     .method = "POST",
     .path = "/",
     .signature = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {.name = "get-vanilla-query-order-key-case",
     .method = "GET",
     .path = "/",
     .query = {{"Param2", "value2"}, {"Param1", "value1"}},
     .signature = "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {.name = "get-vanilla-query-order-key",
     .method = "GET",
     .path = "/",
     .query = {{"Param1", "value2"}, {"Param1", "Value1"}},
     .signature = "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"},
    {.name = "get-vanilla-query-order-value",
     .method = "GET",
     .path = "/",
     .query = {{"Param1", "value2"}, {"Param1", "value1"}},
     .signature = "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
    {.name = "get-vanilla-empty-query-key",
     .method = "GET",
     .path = "/",
     .query = {{"Param1", "value1"}},
     .signature = "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
    {.name = "get-vanilla-utf8-query",
     .method = "GET",
     .path = "/",
     .query = {{"\xe1\x88\xb4", "bar"}},
     .signature = "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    {.name = "post-vanilla-query",
     .method = "POST",
     .path = "/",
     .query = {{"Param1", "value1"}},
     .signature = "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
    {.name = "get-unreserved",
     .method = "GET",
     .path = "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     .signature = "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {.name = "get-utf8",
     .method = "GET",
     .path = "/\xe1\x88\xb4",
     .signature = "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {.name = "get-space",
     .method = "GET",
     .path = "/example space/",
     .signature = "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
    {.name = "get-relative",
     .method = "GET",
     .path = "/example/..",
     .signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {.name = "get-relative-relative",
     .method = "GET",
     .path = "/example1/example2/../..",
     .signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {.name = "get-slash",
     .method = "GET",
     .path = "//",
     .signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {.name = "get-slash-dot-slash",
     .method = "GET",
     .path = "/./",
     .signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {.name = "get-slashes",
     .method = "GET",
     .path = "//example//",
     .signature = "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
    {.name = "get-slash-pointless-dot",
     .method = "GET",
     .path = "/./example",
     .signature = "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
    {.name = "get-header-key-duplicate",
     .method = "GET",
     .path = "/",
     .headers = {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
     .signature = "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
    {.name = "get-header-value-order",
     .method = "GET",
     .path = "/",
     .headers = {{"My-Header1", "value4"},
                 {"My-Header1", "value1"},
                 {"My-Header1", "value3"},
                 {"My-Header1", "value2"}},
     .signature = "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
    {.name = "get-header-value-trim",
     .method = "GET",
     .path = "/",
     .headers = {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
     .signature = "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {.name = "post-header-key-sort",
     .method = "POST",
     .path = "/",
     .headers = {{"My-Header1", "value1"}},
     .signature = "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
    {.name = "post-x-www-form-urlencoded",
     .method = "POST",
     .path = "/",
     .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
     .payload_hash = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
     .signature = "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
    {.name = "post-x-www-form-urlencoded-parameters",
     .method = "POST",
     .path = "/",
     .headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf8"}},
     .payload_hash = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
     .signature = "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe"},
};

#define LONG_HASH "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"

static const struct vector s3[] = {
    {.name = "GET object, with a range",
     .method = "GET",
     .path = "/test.txt",
     .headers = {{"Range", "bytes=0-9"}, {"x-amz-content-sha256", EMPTY_HASH}},
     .signature = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {.name = "PUT object",
     .method = "PUT",
     .path = "/test%24file.text",
     .headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                 {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
                 {"x-amz-content-sha256", LONG_HASH}},
     .payload_hash = LONG_HASH,
     .signature = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {.name = "GET bucket lifecycle",
     .method = "GET",
     .path = "/",
     .query = {{"lifecycle", ""}},
     .headers = {{"x-amz-content-sha256", EMPTY_HASH}},
     .signature = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {.name = "list objects",
     .method = "GET",
     .path = "/",
     .query = {{"max-keys", "2"}, {"prefix", "J"}},
     .headers = {{"x-amz-content-sha256", EMPTY_HASH}},
     .signature = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

static size_t read_fields(const char *const from[FIELDS][2], struct field *to) {
  size_t count = 0;
  for (; count < FIELDS && from[count][0]; count++)
    to[count] =
        (struct field){from[count][0], strlen(from[count][0]), from[count][1], strlen(from[count][1])};
  return count;
}

static void check_vector(const struct vector *vector, const char *service) {
  bool is_s3 = strcmp(service, "s3") == 0;
  struct field query[FIELDS];
  struct field headers[FIELDS + 2];
  struct error err = {0};
  const char *const common[FIELDS][2] = {
      {"Host", is_s3 ? "examplebucket.s3.amazonaws.com" : "example.amazonaws.com"},
      {"X-Amz-Date", is_s3 ? "20130524T000000Z" : "20150830T123600Z"}};
  size_t common_count = read_fields(common, headers);
  struct sigv4_request request = {.method = vector->method,
                                  .path = vector->path,
                                  .query = query,
                                  .headers = headers,
                                  .query_count = read_fields(vector->query, query),
                                  .header_count =
                                      common_count + read_fields(vector->headers, headers + common_count),
                                  .payload_hash = vector->payload_hash ? vector->payload_hash : EMPTY_HASH,
                                  .access_key = is_s3 ? "AKIAIOSFODNN7EXAMPLE" : "AKIDEXAMPLE",
                                  .secret_key = is_s3 ? "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
                                                      : "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                                  .region = "us-east-1",
                                  .service = service,
                                  .time = is_s3 ? 1369353600 : 1440938160};
  struct sigv4_signature signature;
  CHECK(sigv4_sign(&request, &signature, &err));
  if (!CHECK_TEXT(signature.signature, vector->signature))
    (void)fprintf(stderr, "  in %s:\n%s\n", vector->name, signature.canonical_request.data);
  CHECK(strstr(signature.authorization.data, vector->signature));
  CHECK_TEXT(signature.amz_date, common[1][1]);
  sigv4_free(&signature);
}

static void check_presigned(void) {
  const struct field host = {"host", 4, "examplebucket.s3.amazonaws.com", 30};
  struct error err = {0};
  struct sigv4_request request = {.method = "GET",
                                  .path = "/test.txt",
                                  .headers = &host,
                                  .header_count = 1,
                                  .payload_hash = "UNSIGNED-PAYLOAD",
                                  .access_key = "AKIAIOSFODNN7EXAMPLE",
                                  .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                  .region = "us-east-1",
                                  .service = "s3",
                                  .time = 1369353600,
                                  .presign = true,
                                  .expires = 86400};
  struct sigv4_signature signature;
  CHECK(sigv4_sign(&request, &signature, &err));
  CHECK_TEXT(signature.signature, "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
  CHECK_TEXT(
      signature.query.data,
      "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F"
      "aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
      "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
  sigv4_free(&signature);
}

static void sign(struct sigv4_request *request, char out[SIGV4_SIGNATURE_SIZE]) {
  struct sigv4_signature signature;
  struct error err = {0};
  CHECK(sigv4_sign(request, &signature, &err));
  memcpy(out, signature.signature, SIGV4_SIGNATURE_SIZE);
  sigv4_free(&signature);
}

static void shuffle(struct field *fields, size_t count) {
  for (size_t i = count; i > 1; i--) {
    size_t j = (size_t)rand() % i;
    struct field held = fields[i - 1];
    fields[i - 1] = fields[j];
    fields[j] = held;
  }
}

/* Order says nothing; every other change does. */
static void check_properties(void) {
  srand(7);
  struct field query[] = {
      {"a", 1, "1", 1}, {"a-b", 3, "2", 1}, {"a", 1, "0", 1}, {"B", 1, "", 0}, {"c/d", 3, "x y", 3}};
  struct field headers[] = {
      {"host", 4, "h", 1}, {"X-Amz-Date", 10, "d", 1}, {"a", 1, "1", 1}, {"b", 1, "2", 1}};
  struct sigv4_request request = {.method = "PUT",
                                  .path = "/k",
                                  .query = query,
                                  .query_count = 5,
                                  .headers = headers,
                                  .header_count = 4,
                                  .payload_hash = EMPTY_HASH,
                                  .access_key = "A",
                                  .secret_key = "S",
                                  .region = "r",
                                  .service = "s3",
                                  .time = 1};
  char first[SIGV4_SIGNATURE_SIZE];
  char other[SIGV4_SIGNATURE_SIZE];
  sign(&request, first);
  for (int i = 0; i < 200; i++) {
    shuffle(query, 5);
    shuffle(headers, 4);
    sign(&request, other);
    CHECK_TEXT(other, first);
  }
  for (size_t i = 0; i < 4; i++) {
    struct field kept = headers[i];
    headers[i].value = "changed";
    headers[i].value_length = 7;
    sign(&request, other);
    CHECK(strcmp(other, first) != 0);
    headers[i] = kept;
    headers[i].name = "renamed";
    sign(&request, other);
    CHECK(strcmp(other, first) != 0);
    headers[i] = kept;
  }
  for (size_t i = 0; i < 5; i++) {
    struct field kept = query[i];
    query[i].value = "changed";
    query[i].value_length = 7;
    sign(&request, other);
    CHECK(strcmp(other, first) != 0);
    query[i] = kept;
  }
  struct sigv4_request changed[8];
  for (int i = 0; i < 8; i++) changed[i] = request;
  changed[0].method = "GET";
  changed[1].path = "/K";
  changed[2].payload_hash = "UNSIGNED-PAYLOAD";
  changed[3].secret_key = "s";
  changed[4].region = "R";
  changed[5].service = "t";
  changed[6].time = 2;
  changed[7].query_count = 4;
  for (int i = 0; i < 8; i++) {
    sign(&changed[i], other);
    CHECK(strcmp(other, first) != 0);
  }
  struct sigv4_request plain = request;
  plain.service = "service";
  plain.path = "/a/d";
  sign(&plain, first);
  static const char *const same[] = {"/a/b/../d", "/a/b/c/../../d", "/../a/d", "/a//./d", "a/d"};
  for (int i = 0; i < 5; i++) {
    plain.path = same[i];
    sign(&plain, other);
    CHECK_TEXT(other, first);
  }
  struct sigv4_signature signature;
  struct error err = {0};
  request.time = (int64_t)1 << 40;
  CHECK(!sigv4_sign(&request, &signature, &err) && err.kind == ERROR_INVALID);
  sigv4_free(&signature);
}

int main(void) {
  for (size_t i = 0; i < sizeof suite / sizeof *suite; i++) check_vector(&suite[i], "service");
  for (size_t i = 0; i < sizeof s3 / sizeof *s3; i++) check_vector(&s3[i], "s3");
  check_presigned();
  check_properties();
  return check_report();
}
