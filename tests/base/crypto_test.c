/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"
#include "base/text.h"
#include "tests/lib/test.h"
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROWS(row) (sizeof row / sizeof row[0])

static void md5_as_rfc_1321_says(void)
{
    static const struct {
        struct str parts[4];
        size_t n;
        const char *want;
    } row[] = {
        { { { 0 } }, 0, "d41d8cd98f00b204e9800998ecf8427e" },
        { { { 0 } }, 1, "d41d8cd98f00b204e9800998ecf8427e" },
        { { STR_INIT("abc") }, 1, "900150983cd24fb0d6963f7d28e17f72" },
        { { STR_INIT("a"), STR_INIT(""), { 0 }, STR_INIT("bc") }, 4, "900150983cd24fb0d6963f7d28e17f72" },
        { { STR_INIT("message "), STR_INIT("digest") }, 2, "f96b697d7cb7938d525a2f31aaf161d0" },
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        uint8_t out[MD5_BYTES], sha[SHA256_BYTES];
        char hex[2 * MD5_BYTES + 1];
        crypto_md5(row[i].parts, row[i].n, out);
        text_hex(out, sizeof out, hex);
        CU_ASSERT_STRING_EQUAL(hex, row[i].want);
        crypto_sha256(STR("in between"), sha); /* shares the context of the thread */
    }
}

/* Made with `openssl dgst -sha256 -hmac`. */
static void hmac_sha256_of_parts(void)
{
    static const uint8_t key[SHA256_BYTES] = "0123456789abcdef0123456789abcdef";
    static const char want[] = "137e6557c3c13a1ca5dc7e52a389a0f86be8cb4db4ae61c62396058b00acacd0";
    uint8_t out[SHA256_BYTES];
    char hex[SHA256_HEX_BYTES];
    const struct str whole = STR("what do ya want for nothing?");
    const struct str parts[] = { STR("what do "), STR(""), STR("ya want"), STR(" for nothing?") };
    crypto_hmac_sha256(key, &whole, 1, out);
    for (size_t i = 0; i < sizeof out; i++) snprintf(hex + 2 * i, 3, "%02x", out[i]);
    CU_ASSERT_STRING_EQUAL(hex, want);
    crypto_hmac_sha256(key, parts, 4, out);
    for (size_t i = 0; i < sizeof out; i++) snprintf(hex + 2 * i, 3, "%02x", out[i]);
    CU_ASSERT_STRING_EQUAL(hex, want);
}

static void hmac_sha1_as_rfc_2202_says(void)
{
    static const struct {
        struct str key, data;
        const char *want;
    } row[] = {
        { STR_INIT("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"),
          STR_INIT("Hi There"), "b617318655057264e28bc0b6fb378c8ef146be00" },
        { STR_INIT("Jefe"), STR_INIT("what do ya want for nothing?"), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
        { { 0 }, { 0 }, "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d" },
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        uint8_t out[SHA1_BYTES];
        char hex[2 * SHA1_BYTES + 1];
        crypto_hmac_sha1(row[i].key, row[i].data, out);
        text_hex(out, sizeof out, hex);
        CU_ASSERT_STRING_EQUAL(hex, row[i].want);
    }
}

static void sha256_whole_and_in_pieces(void)
{
    static const struct {
        struct str a, b;
        const char *want;
    } row[] = {
        /* FIPS 180-4 examples */
        { { 0 }, { 0 }, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { STR_INIT("ab"), STR_INIT("c"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { STR_INIT("abcdbcdecdefdefgefghfghighijhijk"), STR_INIT("ijkljklmklmnlmnomnopnopq"),
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    };
    for (size_t i = 0; i < ROWS(row); i++) {
        char hex[SHA256_HEX_BYTES];
        uint8_t out[SHA256_BYTES];
        struct crypto_sha256_ctx *c = crypto_sha256_create();
        CU_ASSERT_PTR_NOT_NULL_FATAL(c);
        crypto_sha256_update(c, row[i].a);
        crypto_sha256_update(c, row[i].b);
        crypto_sha256_final(c, hex);
        crypto_sha256_destroy(c);
        CU_ASSERT_STRING_EQUAL(hex, row[i].want);
        if (row[i].b.n == 0) {
            crypto_sha256(row[i].a, out);
            text_hex(out, sizeof out, hex);
            CU_ASSERT_STRING_EQUAL(hex, row[i].want);
        }
    }
    crypto_sha256_destroy(NULL);
}

static void *digest_often(void *ctx)
{
    for (unsigned i = 0; i < 1000; i++) {
        uint8_t out[MD5_BYTES];
        crypto_md5((const struct str[]){ STR("a"), STR("bc") }, 2, out);
        if (memcmp(out, "\x90\x01\x50\x98", 4) != 0) *(int *)ctx = 1;
    }
    return NULL;
}

static void threads_do_not_disturb_each_other(void)
{
    pthread_t thread[4];
    int wrong[4] = { 0 };
    for (size_t i = 0; i < 4; i++) CU_ASSERT_FATAL(pthread_create(&thread[i], NULL, digest_often, &wrong[i]) == 0);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
        CU_ASSERT_EQUAL(wrong[i], 0);
    }
}

static void random_texts_are_easy_to_read_aloud(void)
{
    uint64_t seed = 1;
    struct world w = world_fixed(0, &seed);
    char text[5001];
    unsigned count[256] = { 0 };
    crypto_random_text(&w, text, 5000);
    CU_ASSERT_EQUAL(strlen(text), 5000);
    CU_ASSERT_EQUAL(strcspn(text, "0O1lI"), 5000);
    for (size_t i = 0; i < 5000; i++) count[(unsigned char)text[i]]++;
    size_t kinds = 0;
    for (size_t i = 0; i < 256; i++) {
        kinds += count[i] > 0;
        CU_ASSERT(count[i] < 150); /* 88 expected of each */
    }
    CU_ASSERT_EQUAL(kinds, 57);
    crypto_random_text(&w, text, 0);
    CU_ASSERT_STRING_EQUAL(text, "");
}

static void sealed_secrets_open_only_with_key_and_name(void)
{
    enum { TEXT = 6, SEALED = TEXT + SEAL_EXTRA_BYTES };
    const uint8_t key[SEAL_KEY_BYTES] = { 1, 2, 3 }, other[SEAL_KEY_BYTES] = { 1, 2, 4 };
    uint8_t sealed[SEALED], again[SEALED], out[TEXT + 1] = { 0 };
    struct str s = { (const char *)sealed, sizeof sealed }, name = STR("account/7");
    CU_ASSERT_EQUAL_FATAL(crypto_seal(key, name, STR("secret"), sealed, NULL), RC_OK);
    CU_ASSERT_EQUAL_FATAL(crypto_seal(key, name, STR("secret"), again, NULL), RC_OK);
    CU_ASSERT(memcmp(sealed, again, sizeof sealed) != 0); /* a fresh nonce each time */
    CU_ASSERT_EQUAL(crypto_open(key, name, s, out, NULL), RC_OK);
    CU_ASSERT_STRING_EQUAL((char *)out, "secret");

    struct err e = { 0 };
    CU_ASSERT_EQUAL(crypto_open(other, name, s, out, &e), RC_DENIED);
    CU_ASSERT_EQUAL(e.rc, RC_DENIED);
    CU_ASSERT_EQUAL(crypto_open(key, name, s, out, NULL), RC_OK);
    CU_ASSERT_EQUAL(crypto_open(key, name, (struct str){ (const char *)again, sizeof again }, out, NULL), RC_OK);
    CU_ASSERT_EQUAL(crypto_open(other, name, s, out, NULL),
                    RC_DENIED); /* the key of the last one is not good for this one */
    CU_ASSERT_EQUAL(crypto_open(key, STR("account/8"), s, out, NULL), RC_DENIED);
    CU_ASSERT_EQUAL(crypto_open(key, (struct str){ 0 }, s, out, NULL), RC_DENIED);
    for (size_t i = 0; i < sizeof sealed; i++) {
        sealed[i] ^= 0x80;
        CU_ASSERT_EQUAL(crypto_open(key, name, s, out, NULL), RC_DENIED);
        CU_ASSERT_EQUAL(out[0], 0);
        sealed[i] ^= 0x80;
    }
    for (size_t n = 0; n < sizeof sealed; n++)
        CU_ASSERT_EQUAL(crypto_open(key, name, str_slice(s, 0, n), out, NULL), RC_DENIED);
}

static void an_empty_secret_can_be_sealed(void)
{
    const uint8_t key[SEAL_KEY_BYTES] = { 0 };
    uint8_t sealed[SEAL_EXTRA_BYTES], out[1] = { 7 };
    struct str s = { (const char *)sealed, sizeof sealed };
    CU_ASSERT_EQUAL(crypto_seal(key, (struct str){ 0 }, (struct str){ 0 }, sealed, NULL), RC_OK);
    CU_ASSERT_EQUAL(crypto_open(key, (struct str){ 0 }, s, out, NULL), RC_OK);
    CU_ASSERT_EQUAL(out[0], 7);
    sealed[20] ^= 1;
    CU_ASSERT_EQUAL(crypto_open(key, (struct str){ 0 }, s, out, NULL), RC_DENIED);
}

static void passwords_are_kept_as_salted_hashes(void)
{
    char a[128], b[128];
    CU_ASSERT_EQUAL_FATAL(crypto_password_hash(STR("correct horse"), a, NULL), RC_OK);
    CU_ASSERT_EQUAL_FATAL(crypto_password_hash(STR("correct horse"), b, NULL), RC_OK);
    CU_ASSERT_STRING_NOT_EQUAL(a, b);
    CU_ASSERT_EQUAL(strncmp(a, "scrypt$", 7), 0);
    CU_ASSERT(crypto_password_check(STR("correct horse"), str_of(a)));
    CU_ASSERT_FALSE(crypto_password_check(STR("correct horsf"), str_of(a)));
    CU_ASSERT_FALSE(crypto_password_check((struct str){ 0 }, str_of(a)));
    a[strlen(a) - 3] ^= 1;
    CU_ASSERT_FALSE(crypto_password_check(STR("correct horse"), str_of(a)));
    static const char *const bad[] = { "",
                                       "scrypt",
                                       "scrypt$",
                                       "scrypt$$",
                                       "plain$correct horse",
                                       "scrypt$AAAA$AAAA",
                                       "scrypt$AAAAAAAAAAAAAAAAAAAAAA==$" };
    for (size_t i = 0; i < ROWS(bad); i++) CU_ASSERT_FALSE(crypto_password_check(STR("correct horse"), str_of(bad[i])));
}

static void makes_a_certificate_for_its_hosts(void)
{
    static const char *const hosts[] = { "dm.example.com", "localhost", "127.0.0.1", "::1" };
    static const char *const nobody[] = { "a,DNS:b" };
    static const char *const empty[] = { "" };
    char dir[] = "/tmp/crypto_test.XXXXXX", cert[64], key[64];
    struct stat st;
    struct err e = { 0 };
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(cert, sizeof cert, "%s/cert.pem", dir);
    snprintf(key, sizeof key, "%s/key.pem", dir);

    CU_ASSERT_EQUAL(crypto_make_certificate(cert, key, nobody, 1, 30, &e), RC_INVALID);
    CU_ASSERT_STRING_EQUAL(e.text, "\"a,DNS:b\" is no host name or address");
    CU_ASSERT_EQUAL(crypto_make_certificate(cert, key, empty, 1, 30, NULL), RC_INVALID);
    CU_ASSERT_EQUAL(crypto_make_certificate(cert, key, hosts, 0, 30, NULL), RC_INVALID);
    CU_ASSERT_EQUAL(crypto_make_certificate(cert, key, hosts, 1, 0, NULL), RC_INVALID);
    CU_ASSERT_EQUAL(crypto_make_certificate("/nowhere/cert.pem", key, hosts, 4, 30, NULL), RC_IO);
    CU_ASSERT_NOT_EQUAL(access(key, F_OK), 0); /* nothing half done */
    CU_ASSERT_EQUAL_FATAL(crypto_make_certificate(cert, key, hosts, 4, 30, NULL), RC_OK);
    CU_ASSERT_EQUAL(crypto_make_certificate(cert, key, hosts, 4, 30, NULL), RC_EXISTS);
    CU_ASSERT_EQUAL(stat(key, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);

    FILE *f = fopen(cert, "r");
    X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
    fclose(f);
    f = fopen(key, "r");
    EVP_PKEY *k = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    fclose(f);
    CU_ASSERT_FATAL(x && k);
    CU_ASSERT_EQUAL(X509_check_private_key(x, k), 1);
    CU_ASSERT_EQUAL(X509_verify(x, k), 1);
    CU_ASSERT_EQUAL(X509_check_host(x, "dm.example.com", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL), 1);
    CU_ASSERT_EQUAL(X509_check_host(x, "example.com", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL), 0);
    CU_ASSERT_EQUAL(X509_check_ip_asc(x, "127.0.0.1", 0), 1);
    CU_ASSERT_EQUAL(X509_check_ip_asc(x, "::1", 0), 1);
    CU_ASSERT_EQUAL(X509_check_ip_asc(x, "127.0.0.2", 0), 0);
    CU_ASSERT(X509_cmp_current_time(X509_get0_notBefore(x)) < 0);
    CU_ASSERT(X509_cmp_current_time(X509_get0_notAfter(x)) > 0);
    CU_ASSERT_EQUAL(X509_check_purpose(x, X509_PURPOSE_SSL_SERVER, 0), 1);
    X509_free(x);
    EVP_PKEY_free(k);
    unlink(cert);
    unlink(key);
    rmdir(dir);
}

TEST_MAIN("base.crypto", TEST(md5_as_rfc_1321_says), TEST(hmac_sha1_as_rfc_2202_says), TEST(hmac_sha256_of_parts),
          TEST(sha256_whole_and_in_pieces), TEST(threads_do_not_disturb_each_other),
          TEST(random_texts_are_easy_to_read_aloud), TEST(sealed_secrets_open_only_with_key_and_name),
          TEST(an_empty_secret_can_be_sealed), TEST(passwords_are_kept_as_salted_hashes),
          TEST(makes_a_certificate_for_its_hosts))
