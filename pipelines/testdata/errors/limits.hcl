locals {
  long   = range(1e9)                                          # ERR Error in function call: .*more than 100000 numbers; take a larger step
  work   = [for a in range(9999) : [for b in range(9999) : 1]] # ERR Error in function call: .*steps to compute; shorten the lists
  wide   = format("%999999d", 1)                               # ERR Invalid function argument: .*take a smaller width
  nought = 1 / 0                                               # ERR Too much to compute: .*see that nothing is divided by 0
}

stage "train" "cube" {
  matrix = { a = range(1000), b = range(1000), c = range(1000) } # ERR Matrix too large: It has more than 300000 cells\. Take values off the axes
  data   = "phantom://x"
  method = "x"
}
