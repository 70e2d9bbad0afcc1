// MetaformerModels
