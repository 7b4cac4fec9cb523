#include "library.h"

#include "check.h"

int main(void) {
  double (*cosine)(double) = NULL;
  double (*nothing)(double) = NULL;
  struct error err = {0};
  const struct library_symbol symbols[] = {{"cos", &cosine}, {"no_such_function", &nothing}};
  CHECK(library_load("libm.so.6", symbols, 1, &err) && cosine && cosine(0) == 1);
  CHECK(!library_load("libm.so.6", symbols, 2, &err) && err.kind == ERROR_NOT_FOUND);
  CHECK(strstr(err.message, "no_such_function") && !nothing);
  CHECK(!library_load("libnone-such.so.1", symbols, 1, &err) && err.kind == ERROR_NOT_FOUND);
  CHECK(strstr(err.message, "libnone-such.so.1"));
  return check_report();
}
