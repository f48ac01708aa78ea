# What a stage type finds wrong with a stage as a whole is told before anything runs.

stage "figure" "x" { # before the runs that it gathers
  matrix = { seed = [0, 1] }
  runs   = all.evaluate.m.metrics
  x      = "fractoin" # ERR Invalid value: x: "fractoin" is neither an axis of the runs \(fraction, method, seed\) nor a metric that they have \(accuracy, f1, images, .*Did you mean "fraction"\?
  y      = "aurok"    # ERR Invalid value: y: "aurok" is neither
  series = "methods"  # ERR Invalid value: series: the runs have no axis "methods": name one of fraction, method, seed\. Did you mean "method"\?
}

stage "figure" "line" {
  runs    = all.evaluate.m.metrics
  x       = "method" # ERR Invalid value: x: the axis method is not of numbers, it has the value full: name one that is
  y       = "trainable_percent"
  average = ["seed"] # ERR Invalid value: average: x is the axis method, .* leave average out
}

stage "figure" "bar" {
  runs    = all.evaluate.m.metrics
  where   = { method = "lroa" } # ERR Invalid value: where\.method: the axis has no value lroa: take one of full, lora\. Did you mean "lora"\?
  chart   = "bar"
  x       = "accuracy" # ERR Invalid value: x: the runs have no axis "accuracy"
  y       = "f1"
  x_scale = "log" # ERR Invalid value: x_scale: bars stand side by side
}

stage "figure" "log" {
  runs    = all.evaluate.m.metrics
  x       = "seed"
  y       = "f1"
  x_scale = "log" # ERR Invalid value: x_scale: a logarithmic axis cannot show seed = 0: take symlog
}

stage "figure" "scatter" {
  runs  = all.evaluate.m.metrics
  chart = "scatter"
  where = {
    fraktion = 1 # ERR Invalid value: where\.fraktion: the runs have no axis "fraktion".*Did you mean "fraction"\?
  }
  x = "trainable_percent"
  y = "f1"
  average = [
    "seed",
    "sead", # ERR Invalid value: average\[1\]: the runs have no axis "sead".*Did you mean "seed"\?
  ]
}

stage "table" "t" {
  runs    = all.evaluate.m.metrics
  where   = { fraction = 2 }    # ERR Invalid value: where\.fraction: the axis has no value 2: take one of 0\.1, 1
  rows    = ["method", "sede"]  # ERR Invalid value: rows\[1\]: the runs have no axis "sede".*Did you mean "seed"\?
  columns = "fracton"           # ERR Invalid value: columns: .*Did you mean "fraction"\?
  metrics = ["accuracy", "fid"] # ERR Invalid value: metrics\[1\]: "fid" is neither
}

stage "table" "empty" {
  runs    = all.command.any.out # what a program measures is not known
  rows    = []
  metrics = [] # ERR Invalid value: metrics: names no metric
}

stage "table" "any" {
  runs    = all.command.any.out
  rows    = ["fold"]
  metrics = ["whatever"]
}

stage "command" "any" {
  matrix  = { fold = [0, 1] }
  outputs = { out = "metrics.json" }
  command = ["true", output.out]
}

stage "dataset" "cxr" {
  source = "phantom://chestxray?sise=8" # ERR Invalid value: source: .*no option "sise".*Did you mean "size"\?
}

stage "dataset" "phantom" {
  source = "phantom://chestxrai" # ERR Invalid value: source: .*no phantom "chestxrai".*Did you mean "chestxray"\?
}

stage "dataset" "layout" {
  source = "."
  layout = "image_foldr" # ERR Invalid value: layout: "image_foldr" is not one of .*Did you mean "image_folder"\?
}

stage "preprocess" "cxr" {
  data  = "phantom://chestxray" # ERR Generated input: data is phantom://chestxray, but stage type "preprocess" reads files\. Generate it with a stage "dataset"
  split = { train = 1.5 }       # ERR Invalid value: split.train: 1.5 is out of bounds
}

stage "preprocess" "split" {
  data  = dataset.cxr.data
  split = { train = 0.5 } # ERR Invalid value: split: the shares must sum to 1, not 0.5
}

stage "pretrain" "m" {
  data  = preprocess.cxr.images
  model = "resnet10_65" # ERR Invalid value: model: .*Did you mean "resnet10_64"\?
}

stage "pretrain" "unet" { # ERR Missing attribute: Stage type "pretrain" needs tokens: a diffusion model learns from captions
  data  = preprocess.cxr.images
  model = "unet_micro"
}

stage "pretrain" "captions" {
  data   = preprocess.cxr.images
  tokens = tokenize.cxr.tokens # ERR Invalid value: tokens: resnet10_64 is a classifier, which reads no captions: leave them out
  model  = "resnet10_64"
}

stage "tokenize" "cxr" {
  data = dataset.cxr.data
}

stage "finetune" "unet" {
  model  = pretrain.unet.model
  data   = preprocess.cxr.images
  tokens = tokenize.cxr.tokens
  method = "lora"
  flip   = true # ERR Invalid value: flip: is for a classifier, .* leave it out
  shift  = 2    # ERR Invalid value: shift: is for a classifier
}

stage "encode" "unet" {
  model  = pretrain.unet.model
  data   = preprocess.cxr.images
  tokens = tokenize.cxr.tokens
}

stage "finetune" "twice" {
  model   = pretrain.unet.model
  latents = encode.unet.latents
  tokens  = tokenize.cxr.tokens # ERR Invalid value: tokens: latents hold what they were encoded of: leave one of the two out
  method  = "lora"
}

stage "finetune" "m" {
  matrix    = { method = ["full", "lora"], fraction = [0.1, 1], seed = [0, 1] }
  model     = pretrain.m.model
  data      = preprocess.cxr.images
  method    = each.method
  options = {
    lora_alpha = 16   # ERR Invalid value: options\.lora_alpha: full has no such option; it has none: leave it out
    rnk        = null # ERR Invalid value: options\.rnk: full has no such option
  }
  snr_gamma = 5           # ERR Invalid value: snr_gamma: is for a diffusion model
  fraction  = each.fraction
  seed      = each.seed
}

stage "sample" "m" { # ERR Missing attribute: Stage type "sample" needs prompts: there is nothing to draw: give prompts, or data with captions
  model = pretrain.unet.model
}

stage "evaluate" "m" {
  matrix  = finetune.m.matrix
  model   = finetune.m.model
  data    = preprocess.cxr.images
  metrics = ["accuracy", "f1"]
}

stage "evaluate" "no_model" { # ERR Missing attribute: Stage type "evaluate" needs model: to compute accuracy, ece, give the classifier to score
  data    = preprocess.cxr.images
  metrics = ["accuracy", "ece"]
}

stage "evaluate" "no_extractor" { # ERR Missing attribute: Stage type "evaluate" needs extractor: to compute fid
  samples = sample.m.samples
  data    = preprocess.cxr.images
  metrics = ["fid"]
}

stage "sample" "both" {
  model   = pretrain.unet.model
  prompts = ["a nodule"]
  data    = preprocess.cxr.images # ERR Invalid value: data: prompts are given, so its captions are not read
}

stage "sample" "noisy" {
  model     = pretrain.unet.model
  prompts   = ["a nodule"]
  scheduler = "pndm"
  eta       = 0.5 # ERR Invalid value: eta: pndm has no such choice: leave it out, or sample by ddim
}

stage "evaluate" "unread" {
  model     = finetune.m.model
  samples   = sample.m.samples # ERR Invalid value: samples: no metric of generated images is asked for
  extractor = finetune.m.model # ERR Invalid value: extractor: no metric of generated images by their features is asked for, so nothing reads it
  data      = preprocess.cxr.images
  metrics   = ["accuracy"]
  matrix    = finetune.m.matrix
}

stage "evaluate" "of_pixels" {
  samples      = sample.m.samples
  data         = preprocess.cxr.images
  metrics      = ["ms_ssim"]
  groups       = "sex"              # ERR Invalid value: groups: compares a classifier's metrics, and none is asked for
  neighbours   = 3                  # ERR Invalid value: neighbours: is for precision, recall, density, coverage, and none is asked for
  architecture = "inception_v3_fid" # ERR Invalid value: architecture: is the extractor's, and nothing reads one
}

stage "evaluate" "null_model" {
  model   = null # ERR Invalid value: model: to compute f1
  data    = preprocess.cxr.images
  metrics = ["f1"]
}

stage "evaluate" "nothing" {
  data    = preprocess.cxr.images
  metrics = [] # ERR Invalid value: metrics: names no metric
}
