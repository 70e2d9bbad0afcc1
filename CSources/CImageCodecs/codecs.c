#include "CImageCodecs.h"
typedef int codecs_translation_unit;
