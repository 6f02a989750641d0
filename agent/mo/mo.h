/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MO_MO_H
#define AGENT_MO_MO_H
/* The management objects: the function of each that adds its rows, the events they handle, and shared helpers:
 * members of a struct as texts of leaves, rows by layout name. */
#include "agent/mo/env.h"
#include "base/text.h"
#include <stddef.h>

enum mo_kind { MO_INT, MO_I64, MO_BOOL, MO_TEXT, MO_POINTER, MO_TIME };

/* One leaf that shows a member of some struct. */
struct mo_field {
    const char *name;  /* in the layout */
    enum mo_kind kind; /* MO_TEXT: char array; MO_POINTER: const char *; MO_TIME: an int64_t for mo_time */
    size_t offset;
    bool maybe; /* missing while negative (numbers), empty (texts) or 0 (times) */
};
#define MO_COUNT(table) (sizeof(table) / sizeof((table)[0]))

/** @return false when it does not exist */
bool mo_text(const struct mo_field *f, const void *base, struct arena *a, struct str *out);
/** Set the member from a text. Numbers out of range are cut. */
void mo_set(const struct mo_field *f, void *base, struct str text);
size_t mo_size(const struct mo_field *f);
/**
 * Add `row` for an entry of the layout, with row.arg unchanged. RC_OK also when the layout has no such entry (another
 * object's tree).
 */
enum rc mo_row(struct mo_shared *s, enum ddf_scope scope, const char *name, const struct tree_row *row, struct err *e);
enum rc mo_operation_row(struct mo_shared *s, const struct ddf_operation *op, const struct tree_row *row,
                         struct err *e);
enum rc mo_standard_row(struct mo_shared *s, const char *name, const struct tree_row *row, struct err *e);
/** A number as text. */
struct str mo_number(struct arena *a, int64_t n);

/* The management objects: add their rows (once for the process), handle events. */
enum rc mo_devinfo_rows(struct mo_shared *s, struct err *e);
void mo_devinfo_leaves(const struct mo_env *env, struct sml_leaf out[DEVINFO_LEAVES]); /* texts are borrowed */
enum rc mo_devdetail_rows(struct mo_shared *s, struct err *e);
enum rc mo_dmacc_rows(struct mo_shared *s, struct err *e);
enum rc mo_virt_rows(struct mo_shared *s, struct err *e);
enum rc mo_vm_rows(struct mo_shared *s, struct err *e);
/** For settings that no object serves; call it last. */
enum rc mo_vm_other_rows(struct mo_shared *s, struct err *e);
enum rc mo_vm_fact_rows(struct mo_shared *s, struct err *e);
/** The VM of this node or of the node above it; NULL when there is none. */
struct mo_vm *mo_vm_at(struct mo_env *env, const struct tree_at *at);
enum rc mo_kpi_rows(struct mo_shared *s, struct err *e);
enum rc mo_threshold_rows(struct mo_shared *s, struct err *e);
enum rc mo_periph_rows(struct mo_shared *s, struct err *e);
enum rc mo_images_rows(struct mo_shared *s, struct err *e);

/** A reading of this VM's KPIs arrived; the guest stopped, so that there are none. */
void mo_threshold_sampled(struct mo_env *env, struct mo_vm *v);
void mo_threshold_stopped(struct mo_env *env, struct mo_vm *v);

void mo_virt_settings(struct mo_env *env);        /* read the device-wide settings again */
void mo_virt_facts(struct mo_env *env, bool now); /* read the hypervisor's facts, at most every few seconds */
/** vm->want, vm->policy and vm->image from the tree. @return true when requested resources changed */
bool mo_vm_fill(struct mo_env *env, struct vm *vm);
void mo_vm_image(struct mo_env *env, struct vm *vm);
enum rc mo_vm_adopt(struct mo_env *env, struct vm *vm); /* add a VM to the list */
void mo_images_event(struct mo_env *env, const struct download_event *ev);
void mo_images_recover(struct mo_env *env);
/** Remove image files without an entry or a VM, and those without a VM beyond the newest few. */
void mo_images_sweep(struct mo_env *env);
/** Number of VMs that use this entry, without those of another owner's entry with the same name. */
int mo_images_in_use(struct mo_env *env, const struct mo_image *i);
/** The entry of a VM's image name: one of the VM's own servers. NULL when none of them has one. */
struct mo_image *mo_image_of(struct mo_env *env, const struct vm *vm, struct str image_id);
/** Is there room for this owner's next `kb`? @return false: more than its quota */
bool mo_images_room(struct mo_env *env, struct str server, int64_t kb);

/** The sink for the reports of VMs to this environment. */
struct vm_sink mo_vm_sink(struct mo_env *env);
/** Persist the VM's record. */
void mo_vm_keep(struct mo_env *env, struct vm *vm);
#endif
