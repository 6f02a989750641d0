/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_VEC_H
#define BASE_VEC_H
/*
 * Growing arrays of one type. A member declared as
 *
 *     VEC(struct job) jobs;
 *
 * holds `jobs.n` elements at `jobs.at`; all zero is an empty array. The macros below take its address and work on any
 * struct with the members at, n and room. An element's address is valid until the next one is added. An array is either
 * on the heap and freed with VEC_FREE, or in one arena (..._IN) and freed with it.
 */
#include "base/arena.h"
#include <stdbool.h>
#include <stddef.h>

#define VEC(type)                                                                                                      \
    struct {                                                                                                           \
        type *at;                                                                                                      \
        size_t n, room;                                                                                                \
    }

/** Make room for `more` elements beyond n. @return false when out of memory, with nothing changed */
#define VEC_RESERVE(v, more) vec_reserve(&(v)->at, (v)->n, &(v)->room, (more), sizeof *(v)->at)
/** Add a last element, all zero. @return its address; NULL when out of memory, with nothing changed */
#define VEC_ADD(v) (vec_add(&(v)->at, &(v)->n, &(v)->room, sizeof *(v)->at) ? &(v)->at[(v)->n - 1] : NULL)
/** As VEC_ADD, in an arena: outgrown memory stays there until the arena is freed. */
#define VEC_ADD_IN(a, v) (vec_add_in((a), &(v)->at, &(v)->n, &(v)->room, sizeof *(v)->at) ? &(v)->at[(v)->n - 1] : NULL)
/** The same for a list whose first element, count and room are separate variables. */
#define VEC_ADD_APART_IN(a, first, n, room)                                                                            \
    (vec_add_in((a), &(first), &(n), &(room), sizeof *(first)) ? &(first)[(n)-1] : NULL)
/** Remove element i; the later ones move up. */
#define VEC_REMOVE(v, i) vec_remove((v)->at, &(v)->n, (i), sizeof *(v)->at)
/** Remove element i; the last one takes its place. */
#define VEC_REMOVE_UNORDERED(v, i) ((v)->at[i] = (v)->at[(v)->n - 1], (void)(v)->n--)
/** Free the array and leave an empty one. The caller frees what the elements own. */
#define VEC_FREE(v) vec_free(&(v)->at, &(v)->n, &(v)->room)

/* Functions behind the macros; `at` is the address of the pointer to the first element. */
bool vec_reserve(void *at, size_t n, size_t *room, size_t more, size_t size);
bool vec_add(void *at, size_t *n, size_t *room, size_t size);
bool vec_add_in(struct arena *a, void *at, size_t *n, size_t *room, size_t size);
void vec_remove(void *first, size_t *n, size_t i, size_t size);
void vec_free(void *at, size_t *n, size_t *room);
#endif
