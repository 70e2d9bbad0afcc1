// MetaformerGraph
