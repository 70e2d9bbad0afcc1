/* The shared library as SwiftPM builds it is the engine and nothing of its own, but a target must have a source. */
#include <metaformer.h>

const char *mf_version(void);
