/* SPDX-License-Identifier: Apache-2.0 */
#include "base/kv.h"
#include "server/core/credentials.h"
#include "base/text.h"
#include "syncml/msg.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BINDING_BYTES = 300 };

static enum rc make_key(const char *file, uint8_t key[SEAL_KEY_BYTES], struct err *e)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return err_set(e, RC_IO, "cannot make the key file %s: %s", file, strerror(errno));
    crypto_random(key, SEAL_KEY_BYTES);
    bool whole = write(fd, key, SEAL_KEY_BYTES) == SEAL_KEY_BYTES && fsync(fd) == 0;
    if (close(fd) != 0 || !whole) {
        unlink(file);
        return err_set(e, RC_IO, "cannot write the key file %s: %s", file, strerror(errno));
    }
    return RC_OK;
}

enum rc credentials_key_load(const char *file, uint8_t key[SEAL_KEY_BYTES], struct err *e)
{
    struct stat st;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? make_key(file, key, e)
                               : err_set(e, RC_IO, "cannot read the key file %s: %s", file, strerror(errno));
    bool closed_to_others = fstat(fd, &st) == 0 && (st.st_mode & 077) == 0;
    ssize_t n = read(fd, key, SEAL_KEY_BYTES);
    close(fd);
    if (!closed_to_others)
        return err_set(e, RC_DENIED, "the key file %s is readable by others: run chmod 600 on it", file);
    if (n != SEAL_KEY_BYTES || st.st_size != SEAL_KEY_BYTES)
        return err_set(
            e, RC_INVALID,
            "the key file %s does not contain %d octets: restore the right one, it decrypts the credentials of "
            "all devices",
            file, SEAL_KEY_BYTES);
    return RC_OK;
}

static bool binding(struct str device, const char *direction, char out[BINDING_BYTES], struct str *name)
{
    int n = snprintf(out, BINDING_BYTES, "%.*s/%s", STR_ARG(device), direction);
    *name = (struct str){ out, n > 0 ? (size_t)n : 0 };
    return n > 0 && n < BINDING_BYTES;
}

enum rc credentials_seal_ha1(const uint8_t key[SEAL_KEY_BYTES], struct str device, const char *direction,
                             const char ha1[SML_HA1_BYTES + 1], uint8_t out[SECRET_HA1_BYTES], struct err *e)
{
    char text[BINDING_BYTES];
    struct str name;
    if (!binding(device, direction, text, &name)) return err_set(e, RC_LIMIT, "the device's id is too long");
    return crypto_seal(key, name, (struct str){ ha1, SML_HA1_BYTES }, out, e);
}

enum rc credentials_open_ha1(const uint8_t key[SEAL_KEY_BYTES], struct str device, const char *direction,
                             struct str sealed, char ha1[SML_HA1_BYTES + 1], struct err *e)
{
    char text[BINDING_BYTES];
    uint8_t plain[SML_HA1_BYTES];
    struct str name;
    struct err why = { 0 };
    if (!binding(device, direction, text, &name) || sealed.n != SECRET_HA1_BYTES ||
        crypto_open(key, name, sealed, plain, &why))
        return err_set(e, RC_DENIED,
                       "the credentials of device %.*s cannot be decrypted: is this the key file of this database?",
                       STR_ARG(device));
    memcpy(ha1, plain, SML_HA1_BYTES);
    ha1[SML_HA1_BYTES] = '\0';
    return RC_OK;
}

/* ---- values of the tree ---- */

static bool is_leaf_kept_back(const struct ddf_node *n)
{
    return n->format != DDF_NODE && (n->secret || !(n->access & (DDF_GET | DDF_EXEC)));
}

static bool is_kept_back(const struct ddf_schema *s, struct str uri)
{
    const struct ddf_node *n = s ? ddf_schema_find(s, uri) : NULL;
    return n && is_leaf_kept_back(n);
}

static bool holds_kept_back(const struct ddf_schema *s, struct str uri)
{
    const struct ddf_node *top = s ? ddf_schema_find(s, uri) : NULL, *n = top;
    while (n) {
        if (is_leaf_kept_back(n)) return true;
        if (n->first) {
            n = n->first;
            continue;
        }
        while (n != top && !n->next) n = n->parent;
        n = n == top ? NULL : n->next;
    }
    return false;
}

bool credentials_node(const struct ddf_schema *shipped, const struct ddf_schema *own, struct str uri)
{
    uri = str_slice(uri, 0, str_find(uri, '?', 0));
    return sml_uri_is_secret(uri) || is_kept_back(shipped, uri) || is_kept_back(own, uri);
}

/* A document that is not readable text here: WBXML or base64. */
static bool is_closed_document(const struct sml_item *i)
{
    return i->data.n && sml_item_is_document(i) && !str_starts(str_trim(i->data), STR("<"));
}

bool credentials_item(const struct ddf_schema *shipped, const struct ddf_schema *own, const struct sml_item *i)
{
    struct str uri = i->target.n ? i->target : i->source;
    uri = str_slice(uri, 0, str_find(uri, '?', 0));
    return sml_item_is_secret(i) || credentials_node(shipped, own, uri) ||
           (sml_item_is_document(i) &&
            (is_closed_document(i) || holds_kept_back(shipped, uri) || holds_kept_back(own, uri)));
}

struct str credentials_option(struct str data, struct str key)
{
    struct str options;
    struct kv one;
    if (!str_cut(&data, '\n', &options)) return (struct str){ 0 };
    while (kv_next(&options, '&', &one))
        if (one.has_value && str_eq_fold(one.key, key)) return one.value;
    return (struct str){ 0 };
}

bool credentials_question(struct str data)
{
    return str_eq_fold(credentials_option(data, STR("ET")), STR("P"));
}

static bool place(struct str correlator, int which, char out[BINDING_BYTES], struct str *name)
{
    int n = snprintf(out, BINDING_BYTES, "operation/%.*s/%d", STR_ARG(correlator), which);
    *name = (struct str){ out, n > 0 ? (size_t)n : 0 };
    return n > 0 && n < BINDING_BYTES;
}

enum rc credentials_seal_text(const uint8_t key[SEAL_KEY_BYTES], struct str correlator, int which, struct str plain,
                              struct arena *a, struct str *out, struct err *e)
{
    char text[BINDING_BYTES];
    struct str name;
    char *sealed = arena_bytes(a, plain.n + SEAL_EXTRA_BYTES + 1);
    if (!sealed) return err_set(e, RC_NOMEM, "no memory for a secret value");
    if (!place(correlator, which, text, &name)) return err_set(e, RC_LIMIT, "the operation's name is too long");
    enum rc rc = crypto_seal(key, name, plain, (uint8_t *)sealed, e);
    if (rc) return rc;
    char *b64 = arena_bytes(a, text_b64_len(plain.n + SEAL_EXTRA_BYTES) + 1);
    if (!b64) return err_set(e, RC_NOMEM, "no memory for a secret value");
    text_b64(sealed, plain.n + SEAL_EXTRA_BYTES, b64);
    *out = str_of(b64);
    return RC_OK;
}

enum rc credentials_open_text(const uint8_t key[SEAL_KEY_BYTES], struct str correlator, int which, struct str sealed,
                              struct arena *a, struct str *out, struct err *e)
{
    char text[BINDING_BYTES];
    struct str name, octets = { 0 };
    struct err why = { 0 };
    if (!place(correlator, which, text, &name) || text_b64_decode(sealed, a, &octets) || octets.n < SEAL_EXTRA_BYTES)
        return err_set(e, RC_DENIED, "the secret value of operation %.*s is damaged", STR_ARG(correlator));
    char *plain = arena_bytes(a, octets.n);
    if (!plain) return err_set(e, RC_NOMEM, "no memory for a secret value");
    if (crypto_open(key, name, octets, (uint8_t *)plain, &why))
        return err_set(e, RC_DENIED,
                       "the secret value of operation %.*s cannot be decrypted: is this the key file of this database?",
                       STR_ARG(correlator));
    *out = (struct str){ plain, octets.n - SEAL_EXTRA_BYTES };
    return RC_OK;
}
