# What the fault suite runs: small, real, some of it side by side. Each command adds a line to a file outside the store,
# from its work folder .pipe/tmp/OWNER/N, so that a second execution shows.

stage "dataset" "cxr" {
  source = "phantom://chestxray?count=10&size=64"
}

stage "preprocess" "cxr" {
  data  = dataset.cxr.data
  size  = 16
  split = { train = 0.8, test = 0.2 }
}

stage "tokenize" "captions" {
  data       = dataset.cxr.data
  max_length = 16
  vocab_size = 600
}

stage "command" "list" {
  matrix  = { n = [1, 2, 3] }
  inputs  = { images = preprocess.cxr.images, tokens = tokenize.captions.tokens }
  outputs = { list = "list.txt", copy = "copy" }
  command = ["sh", "-c", "set -e; echo ${each.n} >> ../../../../performed; (cd ${input.images}; find . -type f | sort | xargs cksum) > ${output.list}; mkdir ${output.copy}; cp -r ${input.tokens} ${output.copy}/${each.n}"]
}

stage "command" "all" {
  inputs  = { lists = all.command.list.list }
  outputs = { out = "all.txt" }
  command = ["sh", "-c", "set -e; echo all >> ../../../../performed; cat ${input.lists} | wc -l > ${output.out}"]
}

output "all" {
  value = command.all.out
  path  = "figures/all.txt"
}

output "copy" {
  matrix = command.list.matrix
  value  = command.list.copy
  path   = "figures/copy/${each.n}"
}
