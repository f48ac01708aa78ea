stage "preprocess" "cxr" {
  data = "phantom.hcl" # ERR No such file
  size = 64
}

stage "finetune" "repository" {
  model  = "hf://timm" # ERR Invalid address: model: "hf://timm" names no repository: write hf://OWNER
  data   = preprocess.cxr.images
  method = "linear"
}

stage "finetune" "plain" {
  model  = "https://example.org/resnet50.safetensors" # ERR Address without a digest: .*Write a stage "download" that fetches it by its sha256
  data   = preprocess.cxr.images
  method = "linear"
}

stage "finetune" "scheme" {
  model  = "hff://timm/vit" # ERR Unknown kind of address: .*Did you mean "hf"
  data   = preprocess.cxr.images
  method = "linear"
}

stage "finetune" "network" {
  model        = "hf://timm/resnet18"
  architecture = "resnet_50" # ERR Invalid value: architecture: there is no network "resnet_50": see pipe docs models\. Did you mean "resnet50"
  data         = preprocess.cxr.images
  method       = "linear"
}

stage "download" "bare" {
  source = "https://example.org/resnet50.safetensors" # ERR Invalid value: source: an https:// address needs sha256
}

stage "download" "digest" {
  source = "https://example.org/resnet50.safetensors"
  sha256 = "abc" # ERR Invalid value: sha256: "abc" is no SHA-256: write its 64 digits
}

stage "download" "address" {
  source = "timm/vit" # ERR Invalid value: source: "timm/vit" is no address of published files: write hf://
}

stage "download" "patterns" {
  source = "https://example.org/resnet50.safetensors"
  sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
  only   = ["*.json"] # ERR Invalid value: only: chooses among the files of a repository, and source is one file: leave it out
}

stage "download" "one" {
  source = "hf://timm/resnet18/model.safetensors"
  only   = ["*.json"] # ERR Invalid value: only: chooses among the files of a repository, and source is one file: leave it out
}
