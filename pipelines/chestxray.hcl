# The study: adapt pretrained networks to chest radiographs with eight methods, at several data volumes, for
# classification and for text-to-image, and draw every figure and table from the runs.

pipeline "chestxray" {
  description      = "Adapt pretrained networks to chest X-rays: classification and text-to-image"
  required_version = ">= 0.1"
}

variable "data" {
  type        = string
  default     = "phantom://chestxray?count=1200"
  description = "A data set folder in a supported layout, or phantom:// for generated radiographs"
}

variable "backbone" {
  type        = string
  default     = ""
  description = "A folder with a pretrained convolutional network; without one, two networks are pretrained on films"
}

variable "size" {
  type        = number
  default     = 64
  description = "Edge of the images in pixels; the networks that are pretrained here take 64"
}

variable "fractions" {
  type        = list(number)
  default     = [0.02, 0.1, 1]
  description = "Shares of the training data"
}

variable "seeds" {
  type        = list(number)
  default     = [0, 1]
  description = "Seeds that every cell is repeated with"
}

variable "captions" {
  type        = bool
  default     = true
  description = "Whether the data has captions, for the text-to-image half"
}

locals {
  cnn       = var.backbone == "" ? "resnet10_64" : basename(var.backbone)
  vit       = "vit_micro_convstem_64"
  backbones = var.backbone == "" ? [local.cnn, local.vit] : [local.cnn]

  methods = ["full", "linear", "bitfit", "norm", "ssf", "lora", "adaptformer", "vpt"]
  # Adapters and prompts act on a transformer's blocks and tokens.
  on_tokens = ["adaptformer", "vpt"]
}

# The data, and what the networks are pretrained on: digitised films of another hospital.

stage "dataset" "cxr" {
  source = var.data
}

stage "preprocess" "cxr" {
  data  = dataset.cxr.data
  size  = var.size
  split = { train = 0.7, val = 0.1, test = 0.2 }
}

stage "dataset" "films" {
  enabled = var.backbone == "" || var.captions
  source  = "phantom://chestxray?count=2000&seed=1000&film=1"
}

stage "preprocess" "films" {
  enabled = var.backbone == "" || var.captions
  data    = dataset.films.data
  size    = 64
}

# Classification: every network, adapted by every method that fits it, on little and much data.

stage "pretrain" "cnn" {
  enabled = var.backbone == ""
  data    = preprocess.films.images
  model   = local.cnn
  resources { cpus = 1 }
}

stage "pretrain" "vit" {
  enabled = var.backbone == ""
  data    = preprocess.films.images
  model   = local.vit
  resources { cpus = 1 }
}

stage "finetune" "classifier" {
  matrix = {
    backbone = local.backbones
    method   = local.methods
    fraction = var.fractions
    seed     = var.seeds
  }
  exclude  = [for m in local.on_tokens : { backbone = local.cnn, method = m }]
  model    = var.backbone != "" ? var.backbone : each.backbone == local.vit ? pretrain.vit.model : pretrain.cnn.model
  data     = preprocess.cxr.images
  method   = each.method
  fraction = each.fraction
  seed     = each.seed
}

stage "evaluate" "classifier" {
  matrix  = finetune.classifier.matrix
  model   = finetune.classifier.model
  data    = preprocess.cxr.images
  metrics = ["accuracy", "f1", "auroc", "ece"]
}

stage "figure" "data_volume" {
  matrix  = { backbone = local.backbones }
  runs    = all.evaluate.classifier.metrics
  x       = "fraction"
  y       = "auroc"
  series  = "method"
  x_scale = "log"
  title   = "Fine-tuning ${each.backbone} on little and much data"
  x_label = "share of the training images"
  y_label = "AUROC on the test images"
}

stage "figure" "parameters" {
  matrix  = { backbone = local.backbones }
  runs    = all.evaluate.classifier.metrics
  chart   = "scatter"
  where   = { fraction = max(var.fractions...) }
  x       = "trainable_percent"
  y       = "f1"
  series  = "method"
  average = ["seed"]
  x_scale = "symlog"
  title   = "What each method trains in ${each.backbone}, and what it reaches"
  x_label = "trained weights beside the head, % of the body"
  y_label = "macro F1 on the test images"
}

stage "table" "classifier" {
  runs    = all.evaluate.classifier.metrics
  rows    = ["backbone", "method"]
  columns = "fraction"
  metrics = ["auroc", "f1", "ece"]
  caption = "Test metrics by method and share of the training images"
}

# Text-to-image: a diffusion model of the films, adapted to the data. A classifier fine-tuned on all the real images
# judges what is drawn.

stage "tokenize" "cxr" {
  enabled    = var.captions
  data       = dataset.cxr.data
  max_length = 32
}

stage "tokenize" "films" {
  enabled    = var.captions
  data       = dataset.films.data
  vocab      = tokenize.cxr.tokens
  max_length = 32
}

stage "pretrain" "diffusion" {
  enabled = var.captions
  data    = preprocess.films.images
  tokens  = tokenize.films.tokens
  model   = "unet_micro"
  steps   = 800
  resources { cpus = 1 }
}

stage "preprocess" "drawn" {
  enabled = var.captions
  data    = dataset.cxr.data
  size    = 64
}

stage "finetune" "diffusion" {
  enabled = var.captions
  matrix  = { method = ["full", "norm", "lora"] }
  steps   = 300
  model   = pretrain.diffusion.model
  data    = preprocess.drawn.images
  tokens  = tokenize.cxr.tokens
  method  = each.method
}

stage "sample" "before" {
  enabled = var.captions
  model   = pretrain.diffusion.model
  data    = preprocess.drawn.images
  count   = 96
  resources { cpus = 1 }
}

stage "sample" "after" {
  enabled = var.captions
  matrix  = finetune.diffusion.matrix
  model   = finetune.diffusion.model
  data    = preprocess.drawn.images
  count   = 96
  resources { cpus = 1 }
}

stage "finetune" "judge" {
  enabled = var.captions
  model   = var.backbone != "" ? var.backbone : pretrain.cnn.model
  data    = preprocess.drawn.images
  method  = "full"
  steps   = 200
}

stage "evaluate" "before" {
  enabled   = var.captions
  samples   = sample.before.samples
  extractor = finetune.judge.model
  data      = preprocess.drawn.images
  metrics   = ["fid", "kid", "agreement"]
}

stage "evaluate" "after" {
  enabled   = var.captions
  matrix    = finetune.diffusion.matrix
  samples   = sample.after.samples
  extractor = finetune.judge.model
  data      = preprocess.drawn.images
  metrics   = ["fid", "kid", "agreement"]
}

stage "table" "before" {
  enabled = var.captions
  runs    = all.evaluate.before.metrics
  rows    = []
  metrics = ["fid", "kid", "agreement", "real_images", "generated_images", "sampler_steps", "guidance"]
  caption = "Images of the pretrained diffusion model against the real test images"
}

stage "table" "after" {
  enabled = var.captions
  runs    = all.evaluate.after.metrics
  rows    = ["method"]
  metrics = ["fid", "kid", "agreement", "real_images", "generated_images", "sampler_steps", "guidance"]
  caption = "Images of the fine-tuned diffusion models against the real test images"
}

# What apply leaves in figures/.

output "data_volume" {
  matrix = { backbone = local.backbones, format = ["svg", "png", "pdf"] }
  value  = { svg = figure.data_volume.svg, png = figure.data_volume.png, pdf = figure.data_volume.pdf }[each.format]
  path   = "figures/data_volume-${each.backbone}.${each.format}"
}

output "parameters" {
  matrix = figure.parameters.matrix
  value  = figure.parameters.svg
  path   = "figures/parameters-${each.backbone}.svg"
}

output "classifier" {
  matrix = { format = ["md", "csv", "tex"] }
  value  = { md = table.classifier.md, csv = table.classifier.csv, tex = table.classifier.tex }[each.format]
  path   = "figures/classifier.${each.format}"
}

output "diffusion_before" {
  enabled = var.captions
  value   = table.before.md
  path    = "figures/diffusion-before.md"
}

output "diffusion_after" {
  enabled = var.captions
  value   = table.after.md
  path    = "figures/diffusion-after.md"
}

output "samples_before" {
  enabled = var.captions
  value   = sample.before.samples
  path    = "figures/samples-before"
}

output "samples_after" {
  enabled = var.captions
  matrix  = finetune.diffusion.matrix
  value   = sample.after.samples
  path    = "figures/samples-${each.method}"
}
