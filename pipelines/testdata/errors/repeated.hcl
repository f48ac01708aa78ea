locals {
  x = { axes = { n = [1] } }
}

stage "src" "a" {
  source = "phantom://x"
  resources {
    cpus = 1
  }
  resources { # ERR Second block: Stage src\.a has its resources at .*repeated\.hcl:7 already\. Write all of it in one block
    memory = "1GiB"
  }
  retry {
    attempts = 2
  }
  retry { # ERR Second block: Stage src\.a has its retry at
    attempts = 3
  }
}

# The names that begin no stage are no stage types.
stage "src" "b" {
  matrix = local.x.matrix # ERR Unsupported attribute: .*named "matrix"\. Write the name
  source = "phantom://x"
}

stage "src" "c" {
  matrix = local.y.matrix # ERR Unknown local: No local is called "y"
  source = "phantom://x"
}

stage "src" "d" {
  matrix = each.x.matrix # ERR Unexpected reference: matrix is needed before anything runs, .* not "each"
  source = "phantom://x"
}

stage "src" "e" {
  matrix = all.src.matrix # ERR Unexpected reference: .* not "all"
  source = "phantom://x"
}

# Where a file was looked for.
stage "src" "f" {
  source = "/no/such/file" # ERR No such file: source is "/no/such/file", and there is no /no/such/file\. Write
}

stage "src" "g" {
  source = "" # ERR No such file: source is "", and an empty path is no file\. Write
}
