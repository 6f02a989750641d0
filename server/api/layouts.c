/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/call.h"

#include "server/events/vm_json.h"

#include <string.h>

/* The catalogue of states and operations of the layouts, for console and command line, which have no lists of their
 * own. */

static json_t *state_names(const struct ddf_layout *l, const int *states, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct ddf_state *s = ddf_layout_state(l, states[i]);
        if (s) json_array_append_new(list, json_put_text(s->name));
    }
    return list;
}

static json_t *states_json(const struct ddf_layout *l)
{
    json_t *list = json_array();
    for (size_t i = 0; i < l->n_states; i++) {
        const struct ddf_state *s = &l->states[i];
        json_t *j = json_object();
        json_put_int(j, "state", s->value);
        json_put_str(j, "name", s->name);
        json_put_str(j, "label", s->label);
        json_put_bool(j, "stable", s->stable);
        json_put_str(j, "health", vm_json_health(s->health));
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *lock_states_json(const struct ddf_layout *l)
{
    const struct ddf_entry *en = l->entry[DDF_ROLE_LOCK_STATE];
    json_t *list = json_array();
    for (size_t i = 0; en && i < en->n_words; i++) {
        int64_t value = 0;
        json_t *j = json_object();
        if (str_to_i64(en->words[i].wire, &value)) json_put_int(j, "lockState", value);
        json_put_str(j, "name", en->words[i].word);
        json_put_bool(j, "locked", vm_json_locked(l, value));
        json_array_append_new(list, j);
    }
    return list;
}

/* "bool", "int" and "text" are types; a list of words becomes the type "enum" with "words". */
static json_t *arg_json(const struct ddf_arg *arg)
{
    json_t *j = json_object();
    json_put_str(j, "name", arg->name);
    json_put_str(j, "label", arg->label);
    if (str_find(arg->type, '|', 0) < arg->type.n) {
        json_t *words = json_array();
        struct str rest = arg->type, one;
        while (str_cut(&rest, '|', &one)) json_array_append_new(words, json_put_text(one));
        json_put_str(j, "type", STR("enum"));
        json_object_set_new(j, "words", words);
    } else {
        json_put_str(j, "type", arg->type);
    }
    json_put_strn(j, "default", arg->default_to);
    return j;
}

static json_t *operation_offer(const struct ddf_layout *l, const struct ddf_operation *op)
{
    const struct ddf_state *to = op->to >= 0 ? ddf_layout_state(l, op->to) : NULL;
    json_t *j = json_object(), *args = json_array();
    json_put_str(j, "name", op->name);
    json_put_str(j, "scope", op->scope == DDF_VM ? STR("vm") : STR("device"));
    json_put_str(j, "label", op->label);
    json_put_str(j, "help", op->help);
    json_put_str(j, "role", STR("operator"));
    if (op->n_from) json_object_set_new(j, "from", state_names(l, op->from, op->n_from));
    if (op->n_from_forced) json_object_set_new(j, "fromForced", state_names(l, op->from_forced, op->n_from_forced));
    if (to) json_put_str(j, "to", to->name);
    if (op->lock_to >= 0) json_put_int(j, "lockTo", op->lock_to);
    json_put_bool(j, "whileLocked", op->while_locked);
    json_put_bool(j, "interrupts", op->interrupts);
    json_put_bool(j, "primary", op->primary);
    json_put_bool(j, "destructive", op->destructive);
    json_put_strn(j, "confirm", op->confirm);
    for (size_t i = 0; i < op->n_args; i++) json_array_append_new(args, arg_json(&op->args[i]));
    json_object_set_new(j, "args", args);
    return j;
}

static json_t *goal_json(const struct ddf_layout *l, const struct ddf_goal *g)
{
    const struct ddf_state *s = g->gone ? NULL : ddf_layout_state(l, g->state);
    json_t *j = json_object();
    json_put_str(j, "name", g->name);
    if (s) json_put_str(j, "state", s->name);
    json_put_bool(j, "gone", g->gone);
    return j;
}

static json_t *layout_json(const struct ddf_layout *l)
{
    json_t *j = json_object(), *operations = json_array(), *goals = json_array();
    json_put_str(j, "mo", l->mo);
    json_object_set_new(j, "states", states_json(l));
    json_object_set_new(j, "lockStates", lock_states_json(l));
    for (size_t i = 0; i < l->n_goals; i++) json_array_append_new(goals, goal_json(l, &l->goals[i]));
    json_object_set_new(j, "goals", goals);
    for (size_t i = 0; i < l->n_operations; i++) {
        const struct ddf_operation *op = &l->operations[i];
        if (op->scope == DDF_IMAGE || op->instance) continue; /* these are not available as operations */
        json_array_append_new(operations, operation_offer(l, op));
    }
    json_object_set_new(j, "operations", operations);
    return j;
}

static enum rc layouts(struct call *c)
{
    struct page p = { .limit = API_PAGE_MAX, .items = json_array() };
    for (size_t i = 0; i < c->api->srv->n_layouts; i++)
        json_array_append_new(p.items, layout_json(c->api->srv->layouts[i]));
    return api_page_end(c, &p, RC_OK);
}

const struct route routes_layouts[] = {
    { "GET", "/api/v1/layouts", ROLE_VIEWER, layouts },
    { NULL, NULL, ROLE_NONE, NULL },
};
