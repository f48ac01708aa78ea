# Which models can be merged and fine-tuned again is told before anything runs.

stage "dataset" "cxr" {
  source = "phantom://chestxray?count=24&size=64"
}

stage "preprocess" "cxr" {
  data = dataset.cxr.data
  size = 64
}

stage "pretrain" "vit" {
  data  = preprocess.cxr.images
  model = "vit_micro_patch16_64"
}

stage "finetune" "first" {
  matrix = { method = ["lora", "vpt"] }
  model  = pretrain.vit.model
  data   = preprocess.cxr.images
  method = each.method
}

stage "finetune" "second" {
  matrix = { method = ["lora"] }
  model  = finetune.first.model # ERR Invalid value: model: it is fine-tuned already: give it to a stage "merge"
  data   = preprocess.cxr.images
  method = "ssf"
}

stage "finetune" "after_vpt" {
  matrix = { method = ["vpt"] }
  model  = finetune.first.model # ERR Invalid value: model: it is fine-tuned already, by vpt, which cannot be merged into the weights: give the pretrained model
  data   = preprocess.cxr.images
  method = "ssf"
}

stage "merge" "each" {
  matrix = finetune.first.matrix
  model  = finetune.first.model # ERR Invalid value: model: vpt cannot be merged into the weights: use the fine-tuned model as it is, or fine-tune by one of .*lora
}

stage "merge" "whole" {
  model = pretrain.vit.model # ERR Invalid value: model: it is not fine-tuned, its weights are whole: use it as it is
}

stage "merge" "unread" {
  matrix       = { method = ["lora"] }
  model        = finetune.first.model
  architecture = "resnet18"     # ERR Invalid value: architecture: is for an adapter of the PEFT library
  classes      = ["no", "yes"]  # ERR Invalid value: classes: is for an adapter of the PEFT library
}

stage "merge" "two" {
  matrix  = { method = ["lora"] }
  model   = finetune.first.model
  adapter = pretrain.vit.model # ERR Invalid value: adapter: the model is fine-tuned, with an adapter of its own: leave this one out
}

stage "merge" "once" {
  matrix = { method = ["lora"] }
  model  = finetune.first.model
}

stage "finetune" "again" {
  matrix = { method = ["lora"] }
  model  = merge.once.model
  data   = preprocess.cxr.images
  method = "ssf"
}

stage "finetune" "parts" {
  matrix = { method = ["lora"] }
  model  = merge.once.model
  data   = preprocess.cxr.images
  method = "lora"
  parts  = ["text_encoder"] # ERR Invalid value: parts: are a diffusion model's, and a classifier is one network: leave them out
}

stage "tokenize" "captions" {
  data = dataset.cxr.data
}

stage "pretrain" "unet" {
  data   = preprocess.cxr.images
  tokens = tokenize.captions.tokens
  model  = "unet_micro"
}

stage "encode" "cxr" {
  model  = pretrain.unet.model
  data   = preprocess.cxr.images
  tokens = tokenize.captions.tokens
}

stage "finetune" "frozen_captions" {
  model   = pretrain.unet.model
  latents = encode.cxr.latents
  method  = "lora"
  parts   = ["unet", "text_encoder"] # ERR Invalid value: parts: latents hold the captions as a frozen text encoder sees them: give data and tokens
}
