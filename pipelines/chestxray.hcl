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
  description = "A folder with a pretrained convolutional network; without one, a ViT is pretrained on fractals"
}

variable "size" {
  type        = number
  default     = 64
  description = "Edge of the images in pixels; the ViT of this study needs 64"
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

locals {
  # Adapters and prompts need the tokens of a transformer.
  for_any  = ["full", "linear", "bitfit", "norm", "ssf", "lora"]
  for_vit  = ["adaptformer", "vpt"]
  methods  = var.backbone == "" ? concat(local.for_any, local.for_vit) : local.for_any
  drawings = ["full", "norm", "lora"]
}

stage "dataset" "cxr" {
  source = var.data
}

stage "preprocess" "cxr" {
  data  = dataset.cxr.data
  size  = var.size
  split = { train = 0.7, val = 0.1, test = 0.2 }
}

stage "tokenize" "captions" {
  data       = dataset.cxr.data
  max_length = 32
}

# Classification: a backbone that has never seen a radiograph, adapted by every method.

stage "pretrain" "vit" {
  data  = "phantom://fractals?classes=64"
  model = "vit_micro_patch8_64"
}

stage "finetune" "classifier" {
  matrix = {
    method   = local.methods
    fraction = var.fractions
    seed     = var.seeds
  }
  model    = var.backbone == "" ? pretrain.vit.model : var.backbone
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
  runs    = all.evaluate.classifier.metrics
  x       = "fraction"
  y       = "auroc"
  series  = "method"
  x_scale = "log"
  title   = "Fine-tuning a classifier on little and much data"
  x_label = "share of the training images"
  y_label = "AUROC on the test images"
}

stage "figure" "parameters" {
  runs    = all.evaluate.classifier.metrics
  chart   = "scatter"
  x       = "trainable_percent"
  y       = "f1"
  series  = "method"
  title   = "What each method trains, and what it reaches"
  x_label = "trained weights beside the head, % of the body"
  y_label = "macro F1 on the test images"
}

stage "table" "classifier" {
  runs    = all.evaluate.classifier.metrics
  rows    = ["method"]
  columns = "fraction"
  metrics = ["auroc", "f1", "ece"]
  caption = "Test metrics by method and share of the training images"
}

# Text-to-image: a diffusion model of healthy chests, adapted to the findings of the data.

stage "dataset" "healthy" {
  source = "phantom://chestxray?count=800&seed=1000"
}

stage "preprocess" "healthy" {
  data = dataset.healthy.data
  size = var.size
}

stage "tokenize" "healthy" {
  data       = dataset.healthy.data
  vocabulary = tokenize.captions.tokens
  max_length = 32
}

stage "pretrain" "diffusion" {
  data   = preprocess.healthy.images
  tokens = tokenize.healthy.tokens
  model  = "unet_micro"
}

stage "finetune" "diffusion" {
  matrix = { method = local.drawings }
  model  = pretrain.diffusion.model
  data   = preprocess.cxr.images
  tokens = tokenize.captions.tokens
  method = each.method
}

stage "sample" "pretrained" {
  model = pretrain.diffusion.model
  data  = preprocess.cxr.images
  count = 96
}

stage "sample" "diffusion" {
  matrix = finetune.diffusion.matrix
  model  = finetune.diffusion.model
  data   = preprocess.cxr.images
  count  = 96
}

stage "finetune" "judge" {
  model  = var.backbone == "" ? pretrain.vit.model : var.backbone
  data   = preprocess.cxr.images
  method = "full"
}

stage "evaluate" "pretrained" {
  samples   = sample.pretrained.samples
  extractor = finetune.judge.model
  data      = preprocess.cxr.images
  metrics   = ["fid", "kid", "agreement"]
}

stage "evaluate" "diffusion" {
  matrix    = finetune.diffusion.matrix
  samples   = sample.diffusion.samples
  extractor = finetune.judge.model
  data      = preprocess.cxr.images
  metrics   = ["fid", "kid", "agreement"]
}

stage "table" "diffusion" {
  runs    = all.evaluate.diffusion.metrics
  rows    = ["method"]
  metrics = ["fid", "kid", "agreement"]
  caption = "Generated images against the real test images"
}

output "data_volume" {
  value = figure.data_volume.svg
  path  = "figures/data_volume.svg"
}
