// Package stages holds the stage types: what a pipeline can do.
//
// A stage type is one file: a struct whose tagged fields are its schema, a Run method, and a row given to
// Register. From the struct come the checks of the language, the documentation, and the decoding of what
// the engine hands to a worker.
//
// Vocabulary:
//
//   - attribute: a config value of a stage (size = 64). Attributes are plain JSON values.
//   - port: an input or an output. A port is single, a gathered list (all.TYPE.NAME.OUT), or a map whose
//     keys the user chooses.
//   - kind: what an artifact holds, one of kinds (schema.go).
//   - normalise: fill in the defaults and check every value of a config, before anything runs.
//   - decode: fill the struct of a stage with its config, its input paths and its output paths.
//
// The formats of the artifacts are in package artifact, the layouts of data sets in package source,
// generated data in package phantom. A stage sees paths, its config and a Reporter, never the engine.
package stages
