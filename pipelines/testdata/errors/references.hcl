variable "data" {
  type    = string
  default = "phantom://x"
}

locals {
  base = 4
  bad  = src.raw.images # ERR Unexpected reference: .*Write it in the stage
}

stage "src" "raw" {
  source = var.data
}

stage "src" "raw" { # ERR Stage declared twice: Stage src.raw is also declared at testdata/errors/references.hcl:11
  source = var.data
}

stage "trian" "a" { # ERR Unknown stage type: .*Did you mean "train"\?
  data = src.raw.images
}

stage "train" "a" {
  data   = src.rwa.images    # ERR Unknown stage: No stage "src" is called "rwa"\. Did you mean "raw"\?
  method = local.bsae        # ERR Unknown local: No local is called "bsae"\. Did you mean "base"\?
  rate   = var.dota          # ERR Unknown variable: .*Did you mean "data"\?
  start  = trane.b.weights   # ERR Unknown reference: "trane" is neither .* Did you mean "train"\?
}

stage "train" "b" {
  data   = src.raw.image     # ERR Unknown output: Stage src.raw makes no "image"\. Did you mean "images"\?
  method = "x"
  start  = train.c           # ERR Incomplete reference: Stage train.c makes: weights, log
}

stage "train" "c" {
  data   = src.raw.note      # ERR Wrong kind of artifact: src.raw.note is of kind text, and data of stage type "train" takes images\. Did you mean src.raw.images\?
  method = "${src.raw.note}" # ERR Artifact where a value is needed: method of train.c is a plain value\. src.raw.note \(text\) does not exist before
  rate   = src.raw.note + 1  # ERR Invalid operand: (?s).*Give it to an input
  start  = train.d.weights.x # ERR Nothing inside an artifact
}

stage "train" "d" {
  data   = "${src.raw.images}/train" # ERR Artifact in an expression: data of train.d takes an artifact as it is
  method = each.method               # ERR No matrix: Stage train.d has no matrix
  seed   = upper(src.raw.note)       # ERR Artifact where a value is needed
}

stage "train" "e" {
  data   = all.src.raw.images # ERR Several artifacts for one input: .*Write src.raw.images
  method = "x"
}

stage "report" "f" {
  runs  = train.e.log # ERR One artifact for several: .*Write all.train.e.log
  title = all.train.zz.log # ERR Unknown stage: No stage "train" is called "zz"
}

output "o" {
  value = report.f.reprot # ERR Unknown output: .*Did you mean "report"\?
}

output "p" {
  value = "file.txt" # ERR Not an artifact
  path  = "x"
}

output "q" { # ERR Missing attribute: Output "q" has no value
  pth = "x" # ERR Unknown attribute: An output has no attribute "pth"\. Did you mean "path"\?
}
