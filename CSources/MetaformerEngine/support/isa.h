/* Which instruction sets the processor has. */
#ifndef MF_SUPPORT_ISA_H
#define MF_SUPPORT_ISA_H

#include <metaformer/engine.h>

/* Checks that this processor runs isa, and turns automatic into the best set, or into MF_FORCE_ISA. */
mf_status mf_isa_resolve(mf_isa wanted, mf_isa *out_isa, mf_error *error);

#endif
