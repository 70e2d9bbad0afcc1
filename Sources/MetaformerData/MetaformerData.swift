// MetaformerData
