import MetaformerEngine

/// The version of the engine in use, as "major.minor.patch".
public var engineVersion: String { String(cString: mf_version()) }
