/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CRYPTO_H
#define BASE_CRYPTO_H
/* Digests, sealing, passwords and certificates. The only file that knows libcrypto. */
#include "base/rc.h"
#include "base/str.h"
#include "base/world.h"
#include <stdio.h>

enum {
    MD5_BYTES = 16,
    SHA1_BYTES = 20,
    SHA256_BYTES = 32,
    SHA256_HEX_BYTES = 65,
    SEAL_KEY_BYTES = 32,
    SEAL_EXTRA_BYTES = 28
};

/** MD5 of up to four parts, one after another; unused ones are (struct str){0}. Fast: no allocation. */
void crypto_md5(const struct str *parts, size_t n_parts, uint8_t out[MD5_BYTES]);
void crypto_hmac_sha1(struct str key, struct str data, uint8_t out[SHA1_BYTES]);
void crypto_sha256(struct str data, uint8_t out[SHA256_BYTES]);
/** HMAC-SHA256 of up to four parts, one after another, with a key of 32 octets. */
void crypto_hmac_sha256(const uint8_t key[SHA256_BYTES], const struct str *parts, size_t n_parts,
                        uint8_t out[SHA256_BYTES]);

/* SHA-256 in pieces. */
struct crypto_sha256_ctx;
struct crypto_sha256_ctx *crypto_sha256_create(void); /* NULL when out of memory */
void crypto_sha256_update(struct crypto_sha256_ctx *c, struct str data);
void crypto_sha256_final(struct crypto_sha256_ctx *c, char hex[SHA256_HEX_BYTES]);
void crypto_sha256_destroy(struct crypto_sha256_ctx *c);

/** Unpredictable bytes. Ends the program only when the system has no source of randomness. */
void crypto_random(uint8_t *out, size_t n);
/**
 * n characters from A-Z a-z 2-9 without those that are easily confused (0 O 1 l I), NUL-terminated, into out[n + 1].
 */
void crypto_random_text(const struct world *w, char *out, size_t n);

/** AES-256-GCM: out holds n + SEAL_EXTRA_BYTES (nonce, tag, text). `name` is bound to it (associated data). */
enum rc crypto_seal(const uint8_t key[SEAL_KEY_BYTES], struct str name, struct str plain, uint8_t *out, struct err *e);
/** @param out  sealed.n - SEAL_EXTRA_BYTES bytes. @return RC_DENIED when the key, the name or the bytes are wrong */
enum rc crypto_open(const uint8_t key[SEAL_KEY_BYTES], struct str name, struct str sealed, uint8_t *out, struct err *e);
/**
 * Hash a password with scrypt to "scrypt$<salt>$<hash>" in out[128], and check one. Each takes 32 MiB and about 0.1 s,
 * so they serve logins and not every request.
 */
enum rc crypto_password_hash(struct str password, char out[128], struct err *e);
bool crypto_password_check(struct str password, struct str hash);
/** Self-signed P-256 certificate with a subjectAltName for each of `hosts` (DNS names or addresses), as PEM files
 *  (key mode 0600). For development and quickstart.
 *  @return RC_EXISTS when one of the files is there already (it is left alone); RC_INVALID for a bad host; RC_IO */
enum rc crypto_make_certificate(const char *cert_file, const char *key_file, const char *const *hosts, size_t n_hosts,
                                int days, struct err *e);

/* Places in a certificate that hold a name. */
enum crypto_name {
    CRYPTO_NAME_CN,
    CRYPTO_NAME_UID,
    CRYPTO_NAME_SERIAL_NUMBER, /* of the subject */
    CRYPTO_NAME_SAN_DNS,
    CRYPTO_NAME_SAN_URI,
    CRYPTO_NAME_SAN_EMAIL
};
/**
 * The only name of this kind in a certificate (DER), as UTF-8. It is read from the certificate's structure, because a
 * printed form can be read as another name.
 *
 * @param out  n_out octets including the NUL
 * @return false when there is none or more than one, or when it holds a NUL or does not fit
 */
bool crypto_certificate_name(struct str der, enum crypto_name kind, char *out, size_t n_out, size_t *n);
#endif
