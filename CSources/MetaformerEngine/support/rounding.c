#include "support/rounding.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define USUAL 0x1f80U /* to nearest, with denormals, no traps */

static uint64_t get(void) {
    return _mm_getcsr();
}
static void set(uint64_t control) {
    _mm_setcsr((unsigned)control);
}
#elif defined(__aarch64__)
#define USUAL 0U

static uint64_t get(void) {
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    return control;
}
static void set(uint64_t control) {
    __asm__ volatile("msr fpcr, %0" : : "r"(control));
}
#else
#define USUAL 0U

static uint64_t get(void) {
    return USUAL;
}
static void set(uint64_t control) {
    (void)control;
}
#endif

uint64_t mf_rounding_enter(void) {
    uint64_t before = get();
    if (before != USUAL) set(USUAL);
    return before;
}

void mf_rounding_leave(uint64_t before) {
    set(before);
}
