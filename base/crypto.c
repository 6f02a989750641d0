/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"
#include "base/text.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NONCE_BYTES = 12, TAG_BYTES = 16, SALT_BYTES = 16, HASH_BYTES = 32, DNS_NAME_BYTES = 253 };
_Static_assert(NONCE_BYTES + TAG_BYTES == SEAL_EXTRA_BYTES, "what a sealed text adds");

/* libcrypto takes longer to look an algorithm up by name than to compute the MD5 of a credential, so the process
 * looks each one up once. Each thread keeps its contexts, because creating one allocates. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct {
    EVP_MD *md5, *sha256;
    EVP_CIPHER *gcm;
    pthread_key_t ctx;
} lib;

/* The contexts of one thread. `open` keeps the schedule of the last key: setting a key costs more than opening a
 * credential. */
struct thread_ctx {
    EVP_MD_CTX *md;
    EVP_CIPHER_CTX *open;
    uint8_t key[SEAL_KEY_BYTES];
    bool keyed;
};

/* No input of a peer leads here: either 200 bytes of memory are missing or libcrypto does not work. */
static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "libcrypto: %s failed\n", what);
    abort();
}

static void ctx_free(void *ctx)
{
    struct thread_ctx *t = ctx;
    EVP_MD_CTX_free(t->md);
    EVP_CIPHER_CTX_free(t->open);
    OPENSSL_cleanse(t, sizeof *t);
    free(t);
}

static void open_lib(void)
{
    lib.md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    lib.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    lib.gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    if (!lib.md5 || !lib.sha256 || !lib.gcm || pthread_key_create(&lib.ctx, ctx_free))
        give_up("loading MD5, SHA-256 and AES");
}

/* --- digests -------------------------------------------------------------------------------------------------- */

static struct thread_ctx *thread_ctx(void)
{
    pthread_once(&once, open_lib);
    struct thread_ctx *t = pthread_getspecific(lib.ctx);
    if (!t) {
        t = calloc(1, sizeof *t);
        if (!t || !(t->md = EVP_MD_CTX_new()) || !(t->open = EVP_CIPHER_CTX_new()) || pthread_setspecific(lib.ctx, t))
            give_up("making a context");
    }
    return t;
}

static void digest(EVP_MD_CTX *ctx, const EVP_MD *md, const struct str *parts, size_t n_parts, uint8_t *out)
{
    bool ok = EVP_DigestInit_ex2(ctx, md, NULL);
    for (size_t i = 0; ok && i < n_parts; i++) ok = parts[i].n == 0 || EVP_DigestUpdate(ctx, parts[i].p, parts[i].n);
    if (!ok || !EVP_DigestFinal_ex(ctx, out, NULL)) give_up("a digest");
}

void crypto_md5(const struct str *parts, size_t n_parts, uint8_t out[MD5_BYTES])
{
    EVP_MD_CTX *ctx = thread_ctx()->md;
    digest(ctx, lib.md5, parts, n_parts, out);
}

void crypto_sha256(struct str data, uint8_t out[SHA256_BYTES])
{
    EVP_MD_CTX *ctx = thread_ctx()->md;
    digest(ctx, lib.sha256, &data, 1, out);
}

void crypto_hmac_sha1(struct str key, struct str data, uint8_t out[SHA1_BYTES])
{
    assert(key.n <= INT_MAX);
    if (!HMAC(EVP_sha1(), key.n ? key.p : "", (int)key.n, (const uint8_t *)(data.n ? data.p : ""), data.n, out, NULL))
        give_up("HMAC-SHA1");
}

/* RFC 2104, on top of the digest already fetched: fetching an HMAC takes libcrypto longer than computing one. */
void crypto_hmac_sha256(const uint8_t key[SHA256_BYTES], const struct str *parts, size_t n_parts,
                        uint8_t out[SHA256_BYTES])
{
    enum { BLOCK = 64, PARTS = 4 };
    EVP_MD_CTX *ctx = thread_ctx()->md;
    uint8_t inner[BLOCK], outer[BLOCK], hash[SHA256_BYTES];
    struct str all[1 + PARTS] = { { (const char *)inner, BLOCK } };
    assert(n_parts <= PARTS);
    for (size_t i = 0; i < BLOCK; i++) {
        uint8_t k = i < SHA256_BYTES ? key[i] : 0;
        inner[i] = k ^ 0x36;
        outer[i] = k ^ 0x5C;
    }
    for (size_t i = 0; i < n_parts; i++) all[1 + i] = parts[i];
    digest(ctx, lib.sha256, all, 1 + n_parts, hash);
    const struct str last[] = { { (const char *)outer, BLOCK }, { (const char *)hash, sizeof hash } };
    digest(ctx, lib.sha256, last, 2, out);
    OPENSSL_cleanse(inner, sizeof inner);
    OPENSSL_cleanse(outer, sizeof outer);
}

struct crypto_sha256_ctx {
    EVP_MD_CTX *md;
};

struct crypto_sha256_ctx *crypto_sha256_create(void)
{
    struct crypto_sha256_ctx *c = malloc(sizeof *c);
    pthread_once(&once, open_lib);
    if (c) c->md = EVP_MD_CTX_new();
    if (c && (!c->md || !EVP_DigestInit_ex2(c->md, lib.sha256, NULL))) {
        crypto_sha256_destroy(c);
        c = NULL;
    }
    return c;
}

void crypto_sha256_update(struct crypto_sha256_ctx *c, struct str data)
{
    if (data.n && !EVP_DigestUpdate(c->md, data.p, data.n)) give_up("a digest");
}

void crypto_sha256_final(struct crypto_sha256_ctx *c, char hex[SHA256_HEX_BYTES])
{
    uint8_t bytes[SHA256_BYTES];
    if (!EVP_DigestFinal_ex(c->md, bytes, NULL)) give_up("a digest");
    text_hex(bytes, sizeof bytes, hex);
}

void crypto_sha256_destroy(struct crypto_sha256_ctx *c)
{
    if (c) EVP_MD_CTX_free(c->md);
    free(c);
}

/* --- random bytes --------------------------------------------------------------------------------------------- */

void crypto_random(uint8_t *out, size_t n)
{
    for (size_t step; n; out += step, n -= step) {
        step = n < INT_MAX ? n : INT_MAX;
        if (RAND_bytes(out, (int)step) != 1) give_up("reading random bytes");
    }
}

void crypto_random_text(const struct world *w, char *out, size_t n)
{
    static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
    enum { LETTERS = sizeof letters - 1, FAIR = 256 / LETTERS * LETTERS };
    for (size_t i = 0; i < n;) {
        uint8_t some[64];
        size_t k = n - i < sizeof some ? n - i : sizeof some;
        w->random(w->ctx, some, k);
        for (size_t j = 0; j < k; j++)
            if (some[j] < FAIR) /* the remaining values would make some letters more frequent */
                out[i++] = letters[some[j] % LETTERS];
    }
    out[n] = '\0';
}

/* --- sealing -------------------------------------------------------------------------------------------------- */

/* One pass of AES-256-GCM in either direction: name is authenticated, n bytes go from `in` to `out`. */
static bool gcm(bool seal, const uint8_t *key, struct str name, const uint8_t *nonce, uint8_t *tag, const uint8_t *in,
                size_t n, uint8_t *out)
{
    int len;
    uint8_t none[16];
    struct thread_ctx *t = seal ? NULL : thread_ctx();
    EVP_CIPHER_CTX *c = seal ? EVP_CIPHER_CTX_new() : t->open;
    bool ready = !seal && t->keyed && CRYPTO_memcmp(t->key, key, SEAL_KEY_BYTES) == 0;
    bool ok = c && EVP_CipherInit_ex2(c, ready ? NULL : lib.gcm, ready ? NULL : key, nonce, seal, NULL) &&
              (name.n == 0 || EVP_CipherUpdate(c, NULL, &len, (const uint8_t *)name.p, (int)name.n)) &&
              (n == 0 || EVP_CipherUpdate(c, out, &len, in, (int)n)) &&
              (seal || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag)) &&
              EVP_CipherFinal_ex(c, none, &len) > 0 &&
              (!seal || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag));
    if (seal) {
        EVP_CIPHER_CTX_free(c);
    } else {
        memcpy(t->key, key, SEAL_KEY_BYTES);
        t->keyed = ok; /* after a failure the key is set again */
    }
    if (!ok) ERR_clear_error();
    return ok;
}

enum rc crypto_seal(const uint8_t key[SEAL_KEY_BYTES], struct str name, struct str plain, uint8_t *out, struct err *e)
{
    pthread_once(&once, open_lib);
    if (plain.n > INT_MAX - SEAL_EXTRA_BYTES || name.n > INT_MAX) return err_set(e, RC_LIMIT, "too long to be sealed");
    crypto_random(out, NONCE_BYTES);
    if (!gcm(true, key, name, out, out + NONCE_BYTES, (const uint8_t *)plain.p, plain.n, out + SEAL_EXTRA_BYTES))
        return err_set(e, RC_INTERNAL, "cannot seal a secret");
    return RC_OK;
}

enum rc crypto_open(const uint8_t key[SEAL_KEY_BYTES], struct str name, struct str sealed, uint8_t *out, struct err *e)
{
    pthread_once(&once, open_lib);
    const uint8_t *in = (const uint8_t *)sealed.p;
    uint8_t tag[TAG_BYTES];
    if (sealed.n < SEAL_EXTRA_BYTES || sealed.n > INT_MAX || name.n > INT_MAX)
        return err_set(e, RC_DENIED, "not a sealed secret");
    size_t n = sealed.n - SEAL_EXTRA_BYTES;
    memcpy(tag, in + NONCE_BYTES, TAG_BYTES);
    if (!gcm(false, key, name, in, tag, in + SEAL_EXTRA_BYTES, n, out)) {
        memset(out, 0, n); /* not authentic, so nothing may use it */
        return err_set(e, RC_DENIED, "a sealed secret does not open with this key and name");
    }
    return RC_OK;
}

/* --- passwords ------------------------------------------------------------------------------------------------ */

/* RFC 7914 with 32 MiB: one guess costs about a tenth of a second. Other parameters need another word before the
 * '$'. */
static bool scrypt(struct str password, struct str salt, uint8_t out[HASH_BYTES])
{
    enum { N = 1 << 15, R = 8, P = 1 };
    const uint64_t most_bytes = 64u << 20;
    return EVP_PBE_scrypt(password.n ? password.p : "", password.n, (const uint8_t *)salt.p, salt.n, N, R, P,
                          most_bytes, out, HASH_BYTES) == 1;
}

enum rc crypto_password_hash(struct str password, char out[128], struct err *e)
{
    uint8_t salt[SALT_BYTES], hash[HASH_BYTES];
    char salt64[(SALT_BYTES + 2) / 3 * 4 + 1], hash64[(HASH_BYTES + 2) / 3 * 4 + 1];
    crypto_random(salt, sizeof salt);
    if (!scrypt(password, (struct str){ (const char *)salt, sizeof salt }, hash))
        return err_set(e, RC_NOMEM, "no memory to hash a password");
    text_b64(salt, sizeof salt, salt64);
    text_b64(hash, sizeof hash, hash64);
    snprintf(out, 128, "scrypt$%s$%s", salt64, hash64);
    return RC_OK;
}

bool crypto_password_check(struct str password, struct str hash)
{
    struct arena a;
    struct str word, salt64, salt, want;
    uint8_t got[HASH_BYTES];
    arena_init(&a, 512);
    bool ok = hash.n < 128 && str_cut(&hash, '$', &word) && str_is(word, "scrypt") && str_cut(&hash, '$', &salt64) &&
              text_b64_decode(salt64, &a, &salt) == RC_OK && text_b64_decode(hash, &a, &want) == RC_OK &&
              salt.n == SALT_BYTES && want.n == HASH_BYTES && scrypt(password, salt, got) &&
              text_same_secret(want, (struct str){ (const char *)got, sizeof got });
    arena_finish(&a);
    return ok;
}

/* --- certificates --------------------------------------------------------------------------------------------- */

/* RFC 5280, section 4.2.1.6. Built from its parts: in libcrypto's own notation a comma in a host starts another
 * name. */
static bool add_host(GENERAL_NAMES *names, const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    bool is_v4 = inet_pton(AF_INET, host, &v4) == 1, is_v6 = !is_v4 && inet_pton(AF_INET6, host, &v6) == 1;
    size_t n = strlen(host);
    if (!is_v4 && !is_v6 &&
        (n == 0 || n > DNS_NAME_BYTES ||
         host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                           "0123456789-.*_")]))
        return false;
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *text = ASN1_STRING_type_new(is_v4 || is_v6 ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    bool ok = name && text &&
              (is_v4   ? ASN1_STRING_set(text, &v4, sizeof v4)
               : is_v6 ? ASN1_STRING_set(text, &v6, sizeof v6)
                       : ASN1_STRING_set(text, host, (int)n));
    if (ok) {
        GENERAL_NAME_set0_value(name, is_v4 || is_v6 ? GEN_IPADD : GEN_DNS, text);
        text = NULL;
        ok = sk_GENERAL_NAME_push(names, name) > 0;
    }
    if (!ok) GENERAL_NAME_free(name);
    ASN1_STRING_free(text);
    return ok;
}

static bool add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = ext && X509_add_ext(x, ext, -1);
    X509_EXTENSION_free(ext);
    return ok;
}

/* The certificate is its own authority, so that a client can trust this very file. */
static bool fill_certificate(X509 *x, EVP_PKEY *key, GENERAL_NAMES *hosts, int days)
{
    enum { HOUR_S = 3600, DAY_S = 86400 };
    uint8_t serial[8];
    crypto_random(serial, sizeof serial);
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40); /* positive and never 0 */
    BIGNUM *bn = BN_bin2bn(serial, sizeof serial, NULL);
    X509_NAME *name = X509_get_subject_name(x);
    bool ok = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) && X509_set_version(x, X509_VERSION_3) &&
              X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"dmvisor", -1, -1, 0) &&
              X509_set_issuer_name(x, name) && X509_set_pubkey(x, key) &&
              X509_gmtime_adj(X509_getm_notBefore(x), -HOUR_S) && /* clocks of phones may be slow */
              X509_time_adj_ex(X509_getm_notAfter(x), days, 0, NULL) &&
              X509_add1_ext_i2d(x, NID_subject_alt_name, hosts, 0, 0) &&
              add_extension(x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
              add_extension(x, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
              add_extension(x, NID_ext_key_usage, "serverAuth,clientAuth") &&
              add_extension(x, NID_subject_key_identifier, "hash") && X509_sign(x, key, EVP_sha256());
    BN_free(bn);
    return ok;
}

/* An existing file may hold a key in use, so it is never overwritten. */
static enum rc create_file(const char *name, mode_t mode, FILE **out, struct err *e)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (f) {
        *out = f;
        return RC_OK;
    }
    enum rc rc = errno == EEXIST ? RC_EXISTS : RC_IO;
    err_at(e, rc, name, 0, 0, "cannot be created: %s", strerror(errno));
    if (fd >= 0) close(fd);
    return rc;
}

static enum rc write_files(const char *cert_file, const char *key_file, X509 *x, EVP_PKEY *key, struct err *e)
{
    FILE *k = NULL, *c = NULL;
    enum rc rc = create_file(key_file, S_IRUSR | S_IWUSR, &k, e);
    if (!rc) rc = create_file(cert_file, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH, &c, e);
    bool ok = !rc && PEM_write_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL) && PEM_write_X509(c, x);
    if (k && fclose(k)) ok = false;
    if (c && fclose(c)) ok = false;
    if (ok) return RC_OK;
    if (k) unlink(key_file); /* a certificate without its key is useless */
    if (c) unlink(cert_file);
    return rc ? rc : err_at(e, RC_IO, cert_file, 0, 0, "cannot write the certificate and its key");
}

enum rc crypto_make_certificate(const char *cert_file, const char *key_file, const char *const *hosts, size_t n_hosts,
                                int days, struct err *e)
{
    enum rc rc = RC_OK;
    X509 *x = NULL;
    EVP_PKEY *key = NULL;
    GENERAL_NAMES *names = GENERAL_NAMES_new();

    if (!names) {
        rc = err_set(e, RC_NOMEM, "no memory for a certificate");
        goto out;
    }
    if (n_hosts == 0 || days <= 0) {
        rc = err_set(e, RC_INVALID, "a certificate needs a host and a number of days");
        goto out;
    }
    for (size_t i = 0; i < n_hosts; i++)
        if (!add_host(names, hosts[i])) {
            rc = err_set(e, RC_INVALID, "\"%s\" is no host name or address", hosts[i]);
            goto out;
        }
    key = EVP_EC_gen("P-256");
    x = X509_new();
    if (!key || !x || !fill_certificate(x, key, names, days)) {
        rc = err_set(e, RC_INTERNAL, "cannot make a certificate");
        goto out;
    }
    rc = write_files(cert_file, key_file, x, key, e);
out:
    X509_free(x);
    EVP_PKEY_free(key);
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return rc;
}

static bool put_name(const ASN1_STRING *from, char *out, size_t n_out, size_t *n)
{
    unsigned char *text = NULL;
    int bytes = ASN1_STRING_to_UTF8(&text, from); /* whichever string type of X.520 it has */
    bool ok = bytes > 0 && (size_t)bytes < n_out && !memchr(text, '\0', (size_t)bytes) &&
              str_is_utf8((struct str){ (const char *)text, (size_t)bytes });
    if (ok) {
        memcpy(out, text, (size_t)bytes);
        out[bytes] = '\0';
        *n = (size_t)bytes;
    }
    OPENSSL_free(text);
    return ok;
}

static bool subject_name(const X509 *x, int nid, char *out, size_t n_out, size_t *n)
{
    const X509_NAME *name = X509_get_subject_name(x);
    int at = X509_NAME_get_index_by_NID(name, nid, -1);
    return at >= 0 && X509_NAME_get_index_by_NID(name, nid, at) < 0 &&
           put_name(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)), out, n_out, n);
}

static bool alternative_name(const X509 *x, int type, char *out, size_t n_out, size_t *n)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    const ASN1_STRING *found = NULL;
    bool one = true;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        if (g->type != type) continue;
        one = !found;
        found = g->d.ia5;
        if (!one) break;
    }
    bool ok = found && one && put_name(found, out, n_out, n);
    GENERAL_NAMES_free(names);
    return ok;
}

bool crypto_certificate_name(struct str der, enum crypto_name kind, char *out, size_t n_out, size_t *n)
{
    static const struct {
        int nid, san;
    } row[] = {
        [CRYPTO_NAME_CN] = { NID_commonName, 0 },
        [CRYPTO_NAME_UID] = { NID_userId, 0 },
        [CRYPTO_NAME_SERIAL_NUMBER] = { NID_serialNumber, 0 },
        [CRYPTO_NAME_SAN_DNS] = { 0, GEN_DNS },
        [CRYPTO_NAME_SAN_URI] = { 0, GEN_URI },
        [CRYPTO_NAME_SAN_EMAIL] = { 0, GEN_EMAIL },
    };
    const unsigned char *p = (const unsigned char *)der.p;
    X509 *x = der.n <= LONG_MAX ? d2i_X509(NULL, &p, (long)der.n) : NULL;
    bool ok = x && (row[kind].nid ? subject_name(x, row[kind].nid, out, n_out, n)
                                  : alternative_name(x, row[kind].san, out, n_out, n));
    X509_free(x);
    ERR_clear_error();
    return ok;
}
