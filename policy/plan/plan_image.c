/* SPDX-License-Identifier: Apache-2.0 */
/* An image on the device: its entry, then its download. */
#include "policy/plan/planner_int.h"

static bool seen(struct planning *p, struct str id)
{
    for (size_t i = 0; i < p->n_images; i++)
        if (str_eq(p->images[i], id)) return true;
    if (!p->images && !(p->images = ARENA_ARRAY(p->a, struct str, p->d->n_vms))) {
        p->no_memory = true;
        return true;
    }
    p->images[p->n_images++] = id;
    return false;
}

/* The desired content of the entry. Empty values are not written. */
struct image_fact {
    enum ddf_role role;
    struct str value;
};
enum { IMAGE_FACTS = 11 };

static void facts_of(struct planning *p, const struct pol_image *m, struct image_fact out[IMAGE_FACTS])
{
    struct image_fact f[IMAGE_FACTS] = {
        { DDF_ROLE_IMAGE_ID, m->id },
        { DDF_ROLE_IMAGE_NAME, m->name },
        { DDF_ROLE_IMAGE_VERSION, m->version },
        { DDF_ROLE_IMAGE_GUEST_TYPE, m->guest_type },
        { DDF_ROLE_IMAGE_ARCH, m->arch },
        { DDF_ROLE_IMAGE_FORMAT, m->format },
        { DDF_ROLE_IMAGE_URL, m->url },
        { DDF_ROLE_IMAGE_SIZE_KB, planner_say(p, "%llu", (unsigned long long)((m->size_bytes + 1023) / 1024)) },
        { DDF_ROLE_IMAGE_HASH_ALG, STR("sha256") },
        { DDF_ROLE_IMAGE_HASH, m->sha256 },
        { DDF_ROLE_IMAGE_OWNER, p->f->owner ? planner_say(p, "%d", p->f->owner) : (struct str){ 0 } },
    };
    for (size_t i = 0; i < IMAGE_FACTS; i++) out[i] = f[i];
}

static void create(struct planning *p, const struct pol_vm *vm, const struct pol_image *m, struct str name)
{
    struct image_fact f[IMAGE_FACTS];
    struct batch b;
    struct str why = planner_say(p, "image %.*s is not on the device yet", STR_ARG(name));

    planner_batch_init(&b, DDF_IMAGE, m->id, true);
    facts_of(p, m, f);
    if (!planner_batch_add_node(p, &b, planner_owner_uri(p, DDF_IMAGE, m->id), why)) return;
    for (size_t i = 0; i < IMAGE_FACTS; i++)
        if (f[i].value.n) planner_batch_set_role(p, &b, f[i].role, f[i].value, why);
    if (planner_batch_send(p, &b, why))
        planner_add_wait(p, vm->name, "working",
                         planner_say(p, "the entry of image %.*s is being added to the device", STR_ARG(name)), 0, 0);
}

/* Correct the entry where it differs: the download's address changes with the server. @return false when a step was
 * made */
static bool correct(struct planning *p, const struct pol_image *m, struct str name)
{
    struct image_fact f[IMAGE_FACTS];
    struct batch b;
    struct str why = planner_say(p, "the entry of image %.*s is outdated", STR_ARG(name));

    planner_batch_init(&b, DDF_IMAGE, m->id, false);
    facts_of(p, m, f);
    for (size_t i = 0; i < IMAGE_FACTS; i++) {
        const struct ddf_entry *en = p->l->entry[f[i].role];
        const struct pol_mirror_node *n = planner_mirror_entry(p, f[i].role, m->id);
        if (en && f[i].value.n && planner_readable(p, planner_entry_uri(p, f[i].role, m->id)) &&
            (!n || !planner_same_value(en->format, n->value, f[i].value)))
            planner_batch_set(p, &b, en, (struct str){ 0 }, f[i].value, why);
    }
    return !planner_batch_send(p, &b, why);
}

static struct str how_far(struct planning *p, struct str id)
{
    int done, size;
    if (!planner_mirror_number(p, DDF_ROLE_IMAGE_DONE_KB, id, &done) ||
        !planner_mirror_number(p, DDF_ROLE_IMAGE_SIZE_KB, id, &size) || size <= 0)
        return (struct str){ 0 };
    return planner_say(p, " (%d %%)", (int)(100.0 * done / size));
}

static bool written_not_read(struct planning *p, struct str id)
{
    size_t first, end;
    planner_mirror_below(p, planner_owner_uri(p, DDF_IMAGE, id), &first, &end);
    for (size_t i = first; i < end; i++)
        if (p->f->mirror[i].known == POL_ACKNOWLEDGED && planner_readable(p, p->f->mirror[i].uri) &&
            !planner_held_back(p, planner_failure_of(p, planner_say(p, "get %.*s", STR_ARG(p->f->mirror[i].uri)))))
            return true;
    return false;
}

bool plan_image(struct planning *p, const struct pol_vm *vm)
{
    const struct pol_image *m = vm->image;
    struct str name = planner_say(p, "%.*s:%.*s", STR_ARG(m->name), STR_ARG(m->version)),
               uri = planner_owner_uri(p, DDF_IMAGE, m->id);
    const struct ddf_word *word = planner_mirror_word(p, DDF_ROLE_IMAGE_STATUS, m->id);
    struct live_op *op = planner_busy_with(p, DDF_IMAGE, m->id);
    bool there = uri.n && planner_mirror_has(p, uri), ready = there && planner_word_is(p, word, DDF_WORD_IMAGE_READY);

    if (ready || p->no_memory) return ready && !p->no_memory;
    if (seen(p, m->id)) {
        planner_add_wait(p, vm->name, "working",
                         planner_say(p, "image %.*s is not ready on the device yet", STR_ARG(name)), 0, 0);
        return false;
    }
    if (!m->url.n) {
        planner_add_wait(p, vm->name, "failed",
                         planner_say(p, "image %.*s has no address for devices: set the server's public address",
                                     STR_ARG(name)),
                         0, 0);
    } else if (!there) {
        create(p, vm, m, name);
    } else if (op) {
        planner_add_wait(p, vm->name, "working",
                         planner_say(p, "image %.*s is downloading%.*s", STR_ARG(name), STR_ARG(how_far(p, m->id))),
                         202, 0);
    } else if (written_not_read(p, m->id)) {
        planner_add_wait(p, vm->name, "working",
                         planner_say(p, "the entry of image %.*s is being read back", STR_ARG(name)), 0, 0);
    } else if (!word) {
        if (!planner_add_progress_read(p, DDF_IMAGE, m->id, POL_FOR_DISCOVER, "status of the image"))
            planner_add_wait(p, vm->name, "failed",
                             planner_say(p, "the device does not report the status of image %.*s", STR_ARG(name)), 0,
                             0);
    } else if (planner_word_is(p, word, DDF_WORD_DOWNLOADING) || planner_word_is(p, word, DDF_WORD_VERIFYING)) {
        const struct pol_mirror_node *n = planner_mirror_entry(p, DDF_ROLE_IMAGE_STATUS, m->id);
        planner_add_wait(p, vm->name, "working",
                         planner_say(p, "image %.*s is %.*s%.*s", STR_ARG(name), STR_ARG(word->word),
                                     STR_ARG(how_far(p, m->id))),
                         202, 0);
        if (p->f->now_ms - n->at_ms >= POL_POLL_MS)
            planner_add_progress_read(p, DDF_IMAGE, m->id, POL_FOR_INQUIRY, "progress of the image");
    } else if (correct(p, m, name)) {
        if (planner_add_operation(p, p->l->operation[DDF_OP_DOWNLOAD], m->id, (struct str){ 0 },
                                  planner_say(p, "download image %.*s", STR_ARG(name))))
            planner_add_wait(p, vm->name, "working", planner_say(p, "image %.*s is being downloaded", STR_ARG(name)), 0,
                             0);
        else
            planner_add_wait(
                p, vm->name, "waiting",
                planner_say(p, "image %.*s is not on the device (%.*s)", STR_ARG(name), STR_ARG(word->word)), 0, 0);
    }
    return false;
}
