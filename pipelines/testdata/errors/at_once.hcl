# What a stage itself finds wrong is told together with all else that is wrong with it, and nothing that only follows.
stage "dataset" "cxr" {
  source = "phantom://chestxray?cuont=3" # ERR Invalid value: source: .*no option "cuont"
  layuot = "auto"                        # ERR Unknown attribute: .*Did you mean "layout"\?
}

stage "preprocess" "cxr" {
  data  = dataset.cxr.data
  size  = "large"                     # ERR Invalid value: size: must be a number
  split = { train = 0.5, test = 0.2 } # ERR Invalid value: split: the shares must sum to 1
}

stage "pretrain" "vit" {
  data  = "phantom://fractals"
  model = "vit_micro_patch8_64"
}

stage "finetune" "m" {
  matrix = { seed = [0, 1], rank = [4, 8] }
  model  = pretrain.vitt.model # ERR Unknown stage: .*Did you mean "vit"\?
  data   = preprocess.cxr.images
  method = "lorra"   # ERR Invalid value: method: .*lora
  epochs = "many"    # ERR Invalid value: epochs: must be a
  seed   = each.sede # ERR Unknown axis: .*Did you mean "seed"\?
  resources {
    cpus = 0 # ERR Invalid value: resources.cpus: must be a whole number from 1
  }
}

stage "evaluate" "m" {
  matrix  = finetune.m.matrix
  model   = finetune.m.modle # ERR Unknown output: .*Did you mean "model"\?
  data    = preprocess.cxr.images
  metrics = ["accuracy", "aurok"] # ERR Invalid value: metrics\[1\]: .*Did you mean "auroc"\?
}

# The metrics of those runs are not known, but their axes are.
stage "figure" "lines" {
  runs    = all.evaluate.m.metrics
  x       = "anything"
  y       = "anything"
  series  = "sede" # ERR Invalid value: series: .*Did you mean "seed"\?
  width   = 1000   # ERR Invalid value: width: 1000 is out of bounds
  average = ["seed"]
}

# Nothing is known of the runs.
stage "figure" "blind" {
  runs    = all.evaluate.n.metrics # ERR Unknown stage: No stage "evaluate" is called "n"
  x       = "anything"
  y       = "anything"
  average = ["seed"]
  x_scale = "long" # ERR Invalid value: x_scale: .*Did you mean
}

# Which chart is meant is not known, so nothing is asked of x.
stage "figure" "chart" {
  runs  = all.evaluate.m.metrics
  chart = "barr" # ERR Invalid value: chart: .*Did you mean "bar"\?
  x     = "seed"
  y     = "accuracy"
}

# The prompts would come with the data.
stage "sample" "x" {
  model = pretrain.vit.model   # ERR Invalid value: model: it is a classifier
  data  = preprocess.cxr.imges # ERR Unknown output: .*Did you mean "images"\?
  steps = 0                    # ERR Invalid value: steps: 0 is out of bounds
}
