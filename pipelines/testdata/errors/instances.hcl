stage "train" "a" {
  matrix = { x = range(400), y = range(400) }
  data   = "phantom://x"
  method = "m${each.x}"
}

stage "train" "b" {
  matrix = train.a.matrix # ERR Too many instances: .*more than 300000 instances together\. Take values off the axes
  data   = "phantom://x"
  start  = train.a.weights
  method = "x"
}
