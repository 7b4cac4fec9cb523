/* Bytes from elsewhere as path, query and headers: a signature comes out, or an error, and nothing else
 * happens. */
#include "sigv4.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  if (!text) return 0;
  if (size) memcpy(text, data, size);
  text[size] = '\0';
  size_t length = strlen(text);
  const struct field fields[] = {{text, length, text, size},
                                 {text + length / 2, length - length / 2, text, length}};
  struct sigv4_request request = {.method = "GET",
                                  .path = text,
                                  .query = fields,
                                  .query_count = 2,
                                  .headers = fields,
                                  .header_count = 2,
                                  .payload_hash = text,
                                  .access_key = text,
                                  .secret_key = text,
                                  .region = text,
                                  .time = (int64_t)size << 20,
                                  .service = size % 2 ? "s3" : "service",
                                  .presign = size % 3 == 0};
  struct sigv4_signature signature;
  struct error err;
  if (sigv4_sign(&request, &signature, &err) && strlen(signature.signature) != 64) abort();
  sigv4_free(&signature);
  free(text);
  return 0;
}
