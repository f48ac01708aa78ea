// Package peft holds the parameter-efficient fine-tuning methods, one file each.
//
// Vocabulary. A method is a name, a config with defaults, and its capabilities as data: how the output at step 0
// relates to the frozen model's, whether it merges into the weights, and what batch norms do meanwhile.
// A config maps the sites that a model declared to typed edits; that is all a method does. The framework freezes
// the rest, counts, proves step 0, saves and loads the delta, merges, and refuses: a method that would train nothing on a
// backbone, and a listed target that matches nothing. An adapter is a method prepared for one network. The delta is what
// fine-tuning changed: the trained parameters, the head among them, and running statistics if they moved. The body is
// the network without its head.
//
//	a, err := peft.Prepare(model, w, peft.Options{Method: "lora", Config: map[string]any{"rank": 4}})
//	b := layer.NewBuilder(g, w, a.Plan)   // build and train b.Trainable()
//	err = a.Save(dir, w)                  // adapter_config.json, adapter_model.safetensors
//	a, err = peft.Load(dir, model, w)     // w holds the base; now it holds base and delta
//	merged, err := a.Merge(w)
//
// Adding a method is its file and a row in methods_test.go, rows_additive_test.go or rows_reparam_test.go; CONTRIBUTING.md lists the rest.
package peft
