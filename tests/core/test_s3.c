/* URLs of both styles, and that what is signed is what is sent: the signature of AWS's own list example. */
#include "s3.h"

#include "check.h"

static struct s3_request base(void) {
  return (struct s3_request){.method = "GET",
                             .endpoint = "https://s3.fr-par.example",
                             .region = "fr-par",
                             .access_key = "AKIAIOSFODNN7EXAMPLE",
                             .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                             .time = 1369353600};
}

static void url_is(const struct s3_request *request, const char *url) {
  struct s3_prepared prepared;
  struct error err = {0};
  CHECK(s3_prepare(request, &prepared, &err));
  CHECK_TEXT(prepared.url.data, url);
  s3_free(&prepared);
}

static void refuses(const char *endpoint, const char *bucket) {
  struct s3_request request = base();
  struct s3_prepared prepared;
  struct error err = {0};
  request.endpoint = endpoint;
  request.bucket = bucket;
  if (!CHECK(!s3_prepare(&request, &prepared, &err) && err.kind == ERROR_INVALID))
    (void)fprintf(stderr, "  %s %s\n", endpoint, bucket);
  s3_free(&prepared);
}

static const char *header(const struct s3_prepared *prepared, const char *name) {
  for (size_t i = 0; i < prepared->header_count; i++) {
    if (strcmp(prepared->headers[i].name, name) == 0) return prepared->headers[i].value;
  }
  return NULL;
}

static void builds_urls(void) {
  const struct field query[] = {{"list-type", 9, "2", 1}, {"prefix", 6, "a b/", 4}, {"acl", 3, "", 0}};
  struct s3_request request = base();
  url_is(&request, "https://s3.fr-par.example/");
  request.bucket = "box";
  url_is(&request, "https://box.s3.fr-par.example/");
  request.path_style = true;
  url_is(&request, "https://s3.fr-par.example/box");
  request.key = "a b/../\xc3\xa9+";
  request.key_length = 10;
  url_is(&request, "https://s3.fr-par.example/box/a%20b/../%C3%A9%2B");
  request.path_style = false;
  url_is(&request, "https://box.s3.fr-par.example/a%20b/../%C3%A9%2B");
  request.key = "";
  request.key_length = 0;
  request.query = query;
  request.query_count = 3;
  url_is(&request, "https://box.s3.fr-par.example/?list-type=2&prefix=a%20b%2F&acl");
  request.endpoint = "http://127.0.0.1:9000/base/";
  request.path_style = true;
  url_is(&request, "http://127.0.0.1:9000/base/box/?list-type=2&prefix=a%20b%2F&acl");
  request.endpoint = "http://127.0.0.1:80";
  request.query_count = 0;
  url_is(&request, "http://127.0.0.1/box/"); /* the Host header that gets signed has no port either */
}

static void signs_what_it_sends(void) {
  const struct field query[] = {{"prefix", 6, "J", 1}, {"max-keys", 8, "2", 1}};
  struct s3_request request = base();
  struct s3_prepared prepared;
  struct error err = {0};
  request.endpoint = "https://s3.amazonaws.com";
  request.region = "us-east-1";
  request.bucket = "examplebucket";
  request.query = query;
  request.query_count = 2;
  CHECK(s3_prepare(&request, &prepared, &err));
  CHECK_TEXT(header(&prepared, "x-amz-date"), "20130524T000000Z");
  CHECK_TEXT(header(&prepared, "x-amz-content-sha256"),
             "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK_TEXT(header(&prepared, "authorization"),
             "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
             "SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
             "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
  CHECK(!header(&prepared, "host"));
  s3_free(&prepared);

  const struct field headers[] = {{"If-None-Match", 13, "*", 1}};
  request.headers = headers;
  request.header_count = 1;
  request.method = "PUT";
  request.body = "Welcome to Amazon S3.";
  request.body_length = 21;
  CHECK(s3_prepare(&request, &prepared, &err));
  CHECK_TEXT(header(&prepared, "x-amz-content-sha256"),
             "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072");
  CHECK_TEXT(header(&prepared, "If-None-Match"), "*");
  CHECK(strstr(header(&prepared, "authorization"), "SignedHeaders=host;if-none-match;"));
  s3_free(&prepared);
}

int main(void) {
  builds_urls();
  signs_what_it_sends();
  refuses("s3.example", "box");
  refuses("ftp://s3.example", "box");
  refuses("https://", "box");
  refuses("https://user@s3.example", "box");
  refuses("https://s3.example/?x", "box");
  refuses("https://s3.example", "");
  refuses("https://s3.example", "a/b");
  refuses("https://s3.example", "a.evil.example/");
  refuses("https://s3.example", "a b");
  refuses("https://s3.example", "..");
  return check_report();
}
