stage "finetune" "named" {
  model  = "resnet18" # ERR No such file: .*resnet18 is the name of a network: write "hf://timm/resnet18.a1_in1k" for its weights, or train it by a stage "pretrain"\.
  data   = preprocess.images.images
  method = "lora"
}

stage "finetune" "unpublished" {
  model  = "resnet10_64" # ERR No such file: .*resnet10_64 is the name of a network: give the path of its weights, or train it by a stage "pretrain"\.
  data   = preprocess.images.images
  method = "lora"
}

stage "finetune" "classifier" {
  model  = pretrain.classifier.model
  data   = preprocess.images.images
  method = "lora"
}

stage "pretrain" "classifier" {
  model = "resnet10_64"
  data  = preprocess.images.images
}

stage "sample" "tuned" {
  model   = finetune.classifier.model # ERR Invalid value: model: it is a classifier; sample needs a diffusion model
  prompts = ["a"]
}

stage "sample" "trained" {
  model   = pretrain.classifier.model # ERR Invalid value: model: it is a classifier; sample needs a diffusion model
  prompts = ["a"]
}

stage "dataset" "data" {
  source = "phantom://chestxray"
}

stage "preprocess" "images" {
  data = dataset.data.data
}
