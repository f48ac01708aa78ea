stage "src" "raw" {
  source = "phantom://x"
}

stage "train" "m" {
  matrix = { method = ["lora", "full"], seed = [0, 1] }
  data   = src.raw.images
  method = each.mehtod # ERR Unknown axis: The matrix of train.m has no axis "mehtod"\. Did you mean "method"\?
  seed   = each.seed
}

stage "train" "one" {
  data   = src.raw.images
  method = "x"
  start  = train.m.weights # ERR Ambiguous reference: train.m has an instance for each value of method, seed, and train.one has no axis\. Write matrix = train.m.matrix to have one train for each, or matrix = \{ method = \["lora"\], seed = \[0\] \} to take one\.
}

stage "train" "typo" {
  matrix = { metod = ["lora"], seed = [0] }
  data   = src.raw.images
  method = "x"
  start  = train.m.weights # ERR Ambiguous reference: .*Is axis "metod" of train.typo meant to be "method"\?
}

stage "train" "more" {
  matrix = { method = ["lora", "vpt"], seed = [0, 1] }
  data   = src.raw.images
  method = each.method
  start  = train.m.weights # ERR Nothing to read: No instance of train.m agrees with train.more\[method=vpt,seed=0\]\. Its axis method has "lora", "full", not "vpt"
}

stage "report" "r" {
  matrix = { seed = [7] }
  runs   = all.train.m.log # ERR Nothing to read: .*Its axis seed has 0, 1, not 7
}

stage "train" "bad1" {
  matrix = ["a"] # ERR Invalid matrix: A matrix names axes and their values
  data   = src.raw.images
  method = "x"
}

stage "train" "bad2" {
  matrix = { method = "lora" } # ERR Invalid axis: Axis method must be a list of values, not "lora"
  data   = src.raw.images
  method = "x"
}

stage "train" "bad3" {
  matrix = { seed = [1, 1] } # ERR Value twice on an axis: Axis seed has the value 1 twice
  data   = src.raw.images
  method = "x"
}

stage "train" "bad4" {
  matrix = { mask = [[1], [2, 3], [4]] } # ERR Invalid axis: Axis mask: a value must be a string, .* not \[1\]\. Name the values, locals \{ masks = \{ a = \[1\], b = \[2, 3\], \.\.\. \} \}, take their names for the axis, mask = keys\(local\.masks\), and write local\.masks\[each\.mask\]
  data   = src.raw.images
  method = "x"
}

stage "train" "bad5" {
  matrix = { seed = [1, 2], include = [{ seed = 3 }] } # ERR Misplaced include: Write include beside matrix
  data   = src.raw.images
  method = "x"
}

stage "train" "bad6" {
  matrix  = { seed = [1, 2] }
  exclude = [{ sed = 1 }] # ERR Unknown axis: The matrix of train.bad6 has no axis "sed"\. Did you mean "seed"\?
  data    = src.raw.images
  method  = "x"
}

stage "train" "bad7" {
  matrix  = { seed = [1, 2], method = ["a"] }
  include = [{ seed = 3 }] # ERR Incomplete cell: include\[0\] must give a value to every axis; missing: method
  data    = src.raw.images
  method  = "x"
}

stage "train" "bad8" {
  exclude = [{ seed = 1 }] # ERR No matrix: exclude changes a matrix, and stage train.bad8 has none
  data    = src.raw.images
  method  = "x"
}

stage "train" "bad9" {
  matrix = train.moer.matrix # ERR Unknown stage: No stage "train" is called "moer"\. Did you mean "more"\?
  data   = src.raw.images
  method = "x"
}

stage "train" "bad10" {
  matrix = merge(train.m.matrix, { x = [1] }) # ERR Unexpected reference: (?s).*write matrix = TYPE.NAME.matrix and nothing else
  data   = src.raw.images
  method = "x"
}

stage "train" "off" {
  enabled = false
  data    = src.raw.images
  method  = "x"
}

stage "train" "reads_off" {
  data   = src.raw.images
  method = "x"
  start  = train.off.weights # ERR Nothing to read: Stage train.off has no instance: it is not enabled
}

stage "train" "bad11" {
  enabled = "maybe" # ERR Wrong type: enabled must be true or false, not "maybe"
  data    = src.raw.images
  method  = "x"
}

# One artifact is published at a time: neither remedy leads into the other mistake.
output "all" {
  value = train.m.log # ERR Ambiguous reference: .*has no axis\. Write matrix = train.m.matrix to have one output for each, with \$\{each.method\} in its path, or matrix = \{ method = \["lora"\], seed = \[0\] \} to take one
  path  = "x.txt"
}

output "gathered" {
  value = all.train.m.log # ERR Several artifacts for one input: .*Write train.m.log, with matrix = train.m.matrix to have one output for each, .* or matrix = \{ method = \["lora"\], seed = \[0\] \} to take one
  path  = "y.txt"
}

output "index" {
  value = train.m[0].log # ERR Incomplete reference: .*An instance is chosen by the matrix of who reads it: matrix = \{ AXIS = \[VALUE\] \}
  path  = "z.txt"
}
