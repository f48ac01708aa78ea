// Package pipelines is the language: it reads HCL files and turns them into the vertices of a graph.
//
//	files -> Load -> Pipeline -> Expand -> []*dag.Node + []dag.Publication
//
// Load parses the files and checks all that does not depend on one cell of a matrix: blocks, names,
// variables, locals, references, cycles. Expand makes the instances, evaluates their attributes and joins
// each reference to the instances it means. Both collect every mistake as an hcl.Diagnostic and go on.
//
// Vocabulary:
//
//   - stage: a block stage "TYPE" "NAME". Its schema is that of the stage type, from package stages.
//   - axis, cell: a matrix names axes and their values; a cell is one combination. A stage without a
//     matrix has one cell without axes.
//   - instance: a stage at one cell. It becomes one dag.Node.
//   - address: TYPE.NAME["lora",0.1,0], the values in the order of the axes. A selector is an address, a
//     stage's name, or TYPE.NAME[axis=value,...], and means every instance that agrees with it.
//   - reference: TYPE.NAME.OUT means the one instance that agrees with mine on every axis that it has;
//     all.TYPE.NAME.OUT means every instance that agrees with mine on the axes that we share.
//   - placeholder: what a reference evaluates to. The artifact does not exist yet, so an expression can
//     pass it on to an input but cannot compute with it.
//   - group: the virtual vertex that gathers what an all. reference means.
//   - download: what an hf:// address in the place of a path stands for: an instance of the stage type download that no block
//     declares, download.hf["hf://..."], one for all that name the same address.
//   - meta-argument: an attribute or block that a stage of any type may have. matrix, include and exclude
//     make the cells; enabled = false makes none, and a reference to such a stage is a mistake only where it
//     is used; resources, retry and executor say how it runs; salt changes the key.
//   - module: a folder of files that a module block reads. Its stages are stages of the pipeline under the block's
//     address, module.NAME.TYPE.NAME, and have the keys that they would have without it. The block's attributes
//     set its variables, also to artifacts; module.NAME.OUT and all.module.NAME.OUT are its outputs. A reference
//     through a variable or an output joins on the axes of the stage that uses it.
//   - named: a local, an argument or an output's value, computed once through all modules. One that is made of
//     artifacts is late: it is bound again for every stage that uses it.
//   - executor: a place beside this machine where stages can run, declared in the pipeline's own files and named by
//     stages, those of modules too.
//   - shipped pipeline: one of the .hcl files in this folder, embedded in the binary.
//
// Paths in the files are relative to the folder of the file; an input that is not there is looked for in the folders
// of the modules above and in the working folder, so that -var data=DIR means what the user typed. Paths of output blocks, where
// results are published, are relative to the working folder.
package pipelines
