#include "cipher.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

static bool authenticate(EVP_CIPHER_CTX *context, const struct cipher *cipher) {
  int length = 0;
  for (size_t i = 0; i < sizeof cipher->authenticated / sizeof *cipher->authenticated; i++) {
    struct span text = cipher->authenticated[i];
    if (text.length > 0 && EVP_CipherUpdate(context, NULL, &length, text.bytes, (int)text.length) != 1)
      return false;
  }
  return true;
}

bool cipher_encrypt(const struct cipher *cipher, struct span plain, unsigned char *out,
                    unsigned char tag[CIPHER_TAG]) {
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  int written = 0;
  bool ok =
      context && EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, cipher->key, cipher->nonce) == 1 &&
      authenticate(context, cipher) &&
      (plain.length == 0 || EVP_EncryptUpdate(context, out, &written, plain.bytes, (int)plain.length) == 1) &&
      EVP_EncryptFinal_ex(context, out + written, &written) == 1 &&
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, CIPHER_TAG, tag) == 1;
  EVP_CIPHER_CTX_free(context);
  return ok;
}

bool cipher_decrypt(const struct cipher *cipher, struct span bytes, const unsigned char tag[CIPHER_TAG],
                    unsigned char *out) {
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  int written = 0;
  bool ok =
      context && EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, cipher->key, cipher->nonce) == 1 &&
      authenticate(context, cipher) &&
      (bytes.length == 0 || EVP_DecryptUpdate(context, out, &written, bytes.bytes, (int)bytes.length) == 1) &&
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, CIPHER_TAG, (void *)tag) == 1 &&
      EVP_DecryptFinal_ex(context, out + written, &written) == 1;
  EVP_CIPHER_CTX_free(context);
  if (!ok) OPENSSL_cleanse(out, bytes.length); /* decrypted, but by nobody known */
  return ok;
}
