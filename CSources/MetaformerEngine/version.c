#include "metaformer.h"
typedef int mf_translation_unit;
