// Command parity compares our networks with their reference implementations (torchvision, timm, diffusers,
// transformers, PEFT): outputs, intermediate values, and the gradients of every parameter.
//
//	make parity                       # every case of real size; CASES="vit resnet/resnet50" for some
//	make parity-fixtures              # the small cases that are checked in, and that make test compares
//	make parity-mutants               # which fixture catches which mistake
//
// Vocabulary. A family is a reference library's architecture: FAMILY.py builds it there, a row in families here. A case is a
// network of a family with its inputs; its file (safetensors) says what the reference computed, and a fixture is such a file
// checked in, in nn/model/testdata/parity. A tap is an intermediate value, named by the module's path. No file
// holds weights: both sides make them from (seed, name, shape).
//
// Error means max|ours - theirs| / max|theirs| over the elements of one tensor; of a sketch (a norm and products with random vectors),
// over its elements by the norm; of what AdamW changed, by the most that it can change. A gradient that is 0 but for rounding is compared with the network's largest.
//
// A new case is a row in CASES of a FAMILY.py. A new family is a FAMILY.py and a row in families; a method's case names it in
// Case(method=..., options=...) and builds the network with the method in the reference library.
package main
