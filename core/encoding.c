#include "encoding.h"

static const char hex_lower[] = "0123456789abcdef";
static const char hex_upper[] = "0123456789ABCDEF";
static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static bool fail_memory(struct error *err) {
  error_set(err, ERROR_MEMORY, "out of memory");
  return false;
}

static bool fail_invalid(struct error *err, const char *what, size_t position) {
  error_set(err, ERROR_INVALID, "not %s (byte %zu)", what, position + 1);
  return false;
}

static void put(struct buffer *out, unsigned int byte) { out->data[out->length++] = (char)byte; }

static int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

void encoding_hex(const unsigned char *bytes, size_t length, char *out) {
  for (size_t i = 0; i < length; i++) {
    *out++ = hex_lower[bytes[i] >> 4];
    *out++ = hex_lower[bytes[i] & 15];
  }
  *out = '\0';
}

bool encoding_to_hex(struct buffer *out, const char *bytes, size_t length, struct error *err) {
  if (length > (size_t)-1 / 4 || !buffer_reserve(out, 2 * length)) return fail_memory(err);
  encoding_hex((const unsigned char *)bytes, length, out->data + out->length);
  out->length += 2 * length;
  return true;
}

bool encoding_from_hex(struct buffer *out, const char *text, size_t length, struct error *err) {
  if (length % 2) return fail_invalid(err, "an even number of hexadecimal digits", length);
  if (!buffer_reserve(out, length / 2)) return fail_memory(err);
  for (size_t i = 0; i < length; i += 2) {
    int high = hex_value(text[i]);
    int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return fail_invalid(err, "hexadecimal digits", i);
    put(out, (unsigned int)(high * 16 + low));
  }
  out->data[out->length] = '\0';
  return true;
}

bool encoding_to_base64(struct buffer *out, const char *bytes, size_t length, struct error *err) {
  if (length > (size_t)-1 / 4 || !buffer_reserve(out, (length + 2) / 3 * 4)) return fail_memory(err);
  const unsigned char *at = (const unsigned char *)bytes;
  for (size_t i = 0; i < length; i += 3) {
    size_t rest = length - i;
    unsigned int group = (unsigned int)at[i] << 16;
    if (rest > 1) group |= (unsigned int)at[i + 1] << 8;
    if (rest > 2) group |= at[i + 2];
    put(out, (unsigned char)base64_alphabet[group >> 18]);
    put(out, (unsigned char)base64_alphabet[group >> 12 & 63]);
    put(out, rest > 1 ? (unsigned char)base64_alphabet[group >> 6 & 63] : '=');
    put(out, rest > 2 ? (unsigned char)base64_alphabet[group & 63] : '=');
  }
  out->data[out->length] = '\0';
  return true;
}

static int base64_value(char digit) {
  if (digit >= 'A' && digit <= 'Z') return digit - 'A';
  if (digit >= 'a' && digit <= 'z') return digit - 'a' + 26;
  if (digit >= '0' && digit <= '9') return digit - '0' + 52;
  if (digit == '+') return 62;
  if (digit == '/') return 63;
  return -1;
}

bool encoding_from_base64(struct buffer *out, const char *text, size_t length, struct error *err) {
  if (length % 4) return fail_invalid(err, "Base64 with padding", length);
  if (!buffer_reserve(out, length / 4 * 3)) return fail_memory(err);
  for (size_t i = 0; i < length; i += 4) {
    bool last = i + 4 == length;
    size_t padding = last && text[i + 3] == '=' ? (text[i + 2] == '=' ? 2 : 1) : 0;
    unsigned int group = 0;
    for (size_t j = 0; j < 4; j++) {
      int value = j >= 4 - padding ? 0 : base64_value(text[i + j]);
      if (value < 0) return fail_invalid(err, "Base64 with padding", i + j);
      group = group << 6 | (unsigned int)value;
    }
    unsigned int unused = padding == 2 ? 0xffff : padding == 1 ? 0xff : 0; /* one text for each content */
    if (group & unused) return fail_invalid(err, "canonical Base64", i);
    put(out, group >> 16 & 255);
    if (padding < 2) put(out, group >> 8 & 255);
    if (padding < 1) put(out, group & 255);
  }
  out->data[out->length] = '\0';
  return true;
}

static bool unreserved(char byte) {
  return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
         byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

bool encoding_to_uri(struct buffer *out, const char *bytes, size_t length, bool keep_slash,
                     struct error *err) {
  if (length > (size_t)-1 / 4 || !buffer_reserve(out, 3 * length)) return fail_memory(err);
  for (size_t i = 0; i < length; i++) {
    unsigned char byte = (unsigned char)bytes[i];
    if (unreserved(bytes[i]) || (keep_slash && byte == '/')) {
      put(out, byte);
    } else {
      put(out, '%');
      put(out, (unsigned char)hex_upper[byte >> 4]);
      put(out, (unsigned char)hex_upper[byte & 15]);
    }
  }
  out->data[out->length] = '\0';
  return true;
}

bool encoding_from_uri(struct buffer *out, const char *text, size_t length, struct error *err) {
  if (!buffer_reserve(out, length)) return fail_memory(err);
  for (size_t i = 0; i < length; i++) {
    if (text[i] != '%') {
      put(out, (unsigned char)text[i]);
      continue;
    }
    int high = length - i > 2 ? hex_value(text[i + 1]) : -1;
    int low = high >= 0 ? hex_value(text[i + 2]) : -1;
    if (low < 0) return fail_invalid(err, "percent-encoded text", i);
    put(out, (unsigned int)(high * 16 + low));
    i += 2;
  }
  out->data[out->length] = '\0';
  return true;
}
