#ifndef METAFORMER_H
#define METAFORMER_H
#endif
