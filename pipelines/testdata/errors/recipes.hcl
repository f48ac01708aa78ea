# What a training's recipe cannot ask for is told before anything runs.

stage "pretrain" "net" {
  data      = "phantom://fractals?classes=4"
  model     = "resnet10_64"
  optimizer = "adam"          # ERR Invalid value: optimizer: "adam" is not one of adamw, sgd.*Did you mean "adamw"
  augment   = { mixpu = 0.2 } # ERR Invalid value: augment\.mixpu: augment has no such attribute.*Did you mean "mixup"
  loss      = "cross_entropy"
}

stage "finetune" "classifier" {
  model    = pretrain.net.model
  data     = "."
  method   = "full"
  momentum = 0.9   # ERR Invalid value: momentum: is sgd's, and the optimizer is adamw
  betas    = [0.9] # ERR Invalid value: betas: adamw has two of them, not 1: give both
  augment = {
    hue = 0.7 # ERR Invalid value: augment\.hue: 0\.7 is out of bounds: from 0 to 0\.5
  }
}

stage "finetune" "diffusion" {
  model           = "."
  data            = "."
  tokens          = "."
  method          = "full"
  label_smoothing = 0.1 # ERR Invalid value: label_smoothing: is for a classifier
}

stage "pretrain" "cropped" {
  data    = "phantom://fractals?classes=4"
  model   = "resnet10_64"
  augment = { scale = [1, 0.5] } # ERR Invalid value: augment\.scale: takes two bounds: give the lower one first
}
