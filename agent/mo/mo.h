/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MO_MO_H
#define AGENT_MO_MO_H
/* The management objects: how each lays its rows and what it reacts to, and what they share: members of a struct as texts of leaves, rows
 * laid by layout name. */
#include "agent/mo/env.h"
#include "base/text.h"
#include <stddef.h>

enum mo_kind { MO_INT, MO_I64, MO_BOOL, MO_TEXT, MO_POINTER, MO_TIME };

/* One leaf that shows a member of some struct. */
struct mo_field {
    const char *name;  /* in the layout */
    enum mo_kind kind; /* MO_TEXT: char array; MO_POINTER: const char *; MO_TIME: ms since 1970, 0 = empty */
    size_t offset;
    bool maybe; /* not there while negative (numbers), empty (texts) or 0 (times) */
};
#define MO_COUNT(table) (sizeof(table) / sizeof((table)[0]))

/** @return false when it is not there */
bool mo_text(const struct mo_field *f, const void *base, struct arena *a, struct str *out);
/** The member from a text. Numbers that do not fit are cut. */
void mo_set(const struct mo_field *f, void *base, struct str text);
size_t mo_size(const struct mo_field *f);
/** Lay `row` under an entry of the layout, with row.arg as it stands. RC_OK also when the layout has no such entry
 * (another object's tree). */
enum rc mo_row(struct mo_shared *s, enum ddf_scope scope, const char *name, const struct tree_row *row, struct err *e);
enum rc mo_operation_row(struct mo_shared *s, const struct ddf_operation *op, const struct tree_row *row,
                         struct err *e);
enum rc mo_standard_row(struct mo_shared *s, const char *name, const struct tree_row *row, struct err *e);
/** A number as text. */
struct str mo_number(struct arena *a, int64_t n);

/* The management objects: lay rows (once for the process), react. */
enum rc mo_devinfo_rows(struct mo_shared *s, struct err *e);
void mo_devinfo_leaves(const struct mo_env *env, struct sml_leaf out[DEVINFO_LEAVES]); /* texts are borrowed */
enum rc mo_devdetail_rows(struct mo_shared *s, struct err *e);
enum rc mo_dmacc_rows(struct mo_shared *s, struct err *e);
enum rc mo_virt_rows(struct mo_shared *s, struct err *e);
enum rc mo_vm_rows(struct mo_shared *s, struct err *e);
/** For the settings that no object serves; after all others. */
enum rc mo_vm_other_rows(struct mo_shared *s, struct err *e);
enum rc mo_vm_fact_rows(struct mo_shared *s, struct err *e);
/** The VM whose node, or a node below it, this is; NULL when there is none. */
struct mo_vm *mo_vm_at(struct mo_env *env, const struct tree_at *at);
enum rc mo_kpi_rows(struct mo_shared *s, struct err *e);
enum rc mo_threshold_rows(struct mo_shared *s, struct err *e);
enum rc mo_periph_rows(struct mo_shared *s, struct err *e);
enum rc mo_images_rows(struct mo_shared *s, struct err *e);

/** A reading of this VM's KPIs came; the guest stopped, so that there are none. */
void mo_threshold_sampled(struct mo_env *env, struct mo_vm *v);
void mo_threshold_stopped(struct mo_env *env, struct mo_vm *v);

void mo_virt_settings(struct mo_env *env);        /* read the device-wide settings again */
void mo_virt_facts(struct mo_env *env, bool now); /* ask the hypervisor, at most every few seconds */
/** vm->want, vm->policy and vm->image from the tree. @return true when requested resources changed */
bool mo_vm_fill(struct mo_env *env, struct vm *vm);
void mo_vm_image(struct mo_env *env, struct vm *vm);
enum rc mo_vm_adopt(struct mo_env *env, struct vm *vm); /* put a VM into the list */
void mo_images_event(struct mo_env *env, const struct download_event *ev);
void mo_images_recover(struct mo_env *env);
/** Remove image files that neither an entry nor a VM names, and those without a VM beyond the newest few. */
void mo_images_sweep(struct mo_env *env);
/** How many VMs use this entry: not another owner's of the same name. */
int mo_images_in_use(struct mo_env *env, const struct mo_image *i);
/** The entry that a VM's image name means: one of the VM's own servers. NULL when none of them has one. */
struct mo_image *mo_image_of(struct mo_env *env, const struct vm *vm, struct str image_id);
/** Room that is left for this owner's next `kb`. @return false: more than its quota */
bool mo_images_room(struct mo_env *env, struct str server, int64_t kb);

/** What VMs tell goes to this environment. */
struct vm_sink mo_vm_sink(struct mo_env *env);
/** Keep the VM's record. */
void mo_vm_keep(struct mo_env *env, struct vm *vm);
#endif
