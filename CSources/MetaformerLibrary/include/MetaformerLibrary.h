/* The shared library as SwiftPM builds it declares what metaformer.h does. */
#include <metaformer.h>
