stage "src" "raw" {
  source = "phantom://${uper("a")}" # ERR Call to unknown function: .*Did you mean "upper"\?
}

stage "train" "a" {
  matrix  = { method = ["a"], seed = [0] }
  include = [{ methd = "b", seed = 1 }] # ERR Unknown axis: .*Did you mean "method"\?
  data    = src.raw.images
  method  = "x"
}

stage "train" "b" {
  enabled = var.nothing # ERR Unknown variable: No variable is called "nothing"
  data    = module.x.images # ERR Unknown module: No module is called "x"\. Known: m
  method  = "x"
}

stage "train" "d" {
  data   = src.raw.images
  method = qqqqqqq() # ERR Call to unknown function: .*See pipe docs functions
}

stage "train" "c" {
  matrix = { seed = each.seed } # ERR Unexpected reference: .*write matrix = TYPE.NAME.matrix
  data   = all.src              # ERR Incomplete reference: Write TYPE.NAME.OUTPUT
  method = "x"
  seed   = path.module # ERR Unknown reference: .*Leave it out
}

output "o" {
  enabld = true # ERR Unknown attribute: .*Did you mean "enabled"\?
  value  = train.a.wights # ERR Unknown output: .*Did you mean "weights"\?
}

output "o" { # ERR Output declared twice: .*Give one of them another name
  value = train.a.weights
}

module "m" {
  source = "./nowhere" # ERR No such module: There is no folder testdata/errors/nowhere
}
