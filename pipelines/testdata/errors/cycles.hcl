locals {
  a = local.b # ERR Locals in a circle: .*: local.a -> local.b -> local.c -> local.a
  b = local.c
  c = local.a
}

stage "train" "x" {
  data   = "phantom://x"
  method = "x"
  start  = train.y.weights # ERR Stages in a circle: Each of these reads what the next one makes: train.x -> train.y -> train.z -> train.x
}

stage "train" "y" {
  data   = "phantom://x"
  method = "x"
  start  = train.z.weights
}

stage "train" "z" {
  data   = "phantom://x"
  method = "x"
  start  = train.x.weights
}

stage "train" "self" {
  data   = "phantom://x"
  method = "x"
  start  = train.self.weights # ERR Stages in a circle: .*train.self -> train.self
}

stage "train" "p" {
  matrix = train.q.matrix # ERR Matrices in a circle: train.p.matrix -> train.q.matrix -> train.p.matrix
  data   = "phantom://x"
  method = "x"
}

stage "train" "q" {
  matrix = train.p.matrix
  data   = "phantom://x"
  method = "x"
}
