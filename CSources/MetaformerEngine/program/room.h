/* What a program's buffers share of its arena: for plans that keep something in another place, or form, than the program says. */
#ifndef MF_PROGRAM_ROOM_H
#define MF_PROGRAM_ROOM_H

#include "program/program.h"

/* Bytes of the arena; none where to is 0. */
typedef struct mf_room {
    uint64_t from, to;
} mf_room;

static inline mf_room mf_room_of(const mf_program *p, uint32_t buffer) {
    const mf_buffer *b = &p->buffers[buffer];
    if (b->kind != MF_BUFFER_ARENA) return (mf_room){0, 0};
    return (mf_room){b->offset, b->offset + b->shape.count * sizeof(float)};
}

static inline mf_room mf_room_shared(mf_room a, mf_room b) {
    mf_room s = {a.from > b.from ? a.from : b.from, a.to < b.to ? a.to : b.to};
    return s.from < s.to ? s : (mf_room){0, 0};
}

/* Whether one instruction between two writes all of some room: what the first wrote there, the last does not see. */
static inline int mf_room_is_overwritten(const mf_program *p, uint32_t first, uint32_t last, mf_room r) {
    for (uint32_t i = first + 1; i < last; i++) {
        mf_room s = mf_room_shared(mf_room_of(p, p->instructions[i].output), r);
        if (s.from == r.from && s.to == r.to) return 1;
    }
    return 0;
}

/* Whether two buffers share memory, as far as the program says where they lie. */
static inline int mf_room_is_common(const mf_program *p, uint32_t a, uint32_t b) {
    const mf_buffer *x = &p->buffers[a], *y = &p->buffers[b];
    if (x->kind != y->kind || x->kind == MF_BUFFER_CONSTANT) return 0;
    if (x->kind != MF_BUFFER_ARENA) return x->slot == y->slot;
    return mf_room_shared(mf_room_of(p, a), mf_room_of(p, b)).to > 0;
}

#endif
