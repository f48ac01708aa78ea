stage "src" "raw" {
  source = "phantom://x"
}

output "here" {
  value = src.raw.images
  path  = "." # ERR Invalid path: Nothing can be published at "\.": it is the working folder itself\. Choose a path in a folder for results, such as "figures/here"\.
}

output "empty" {
  value = src.raw.images
  path  = "" # ERR Invalid path: .*it is empty
}

output "absolute" {
  value = src.raw.images
  path  = "/tmp/x" # ERR Invalid path: .*it is absolute
}

output "out" {
  value = src.raw.images
  path  = "a/../../x" # ERR Invalid path: .*it leads out of the working folder
}

output "store" {
  value = src.raw.images
  path  = ".pipe/x" # ERR Invalid path: .*it lies in the store
}

output "folder" {
  value = src.raw.images
  path  = "testdata" # ERR Invalid path: .*the pipeline or a module of it lies in that folder
}

output "file" {
  value = src.raw.images
  path  = "testdata/errors/outputs.hcl" # ERR Invalid path: .*a file of the pipeline is called so
}

output "good" {
  value = src.raw.images
  path  = "figures/good"
}

output "same" {
  value = src.raw.images
  path  = "figures/x/../good" # ERR Path used twice: good and same are both published at .*it is one path
}

output "inner" {
  value = src.raw.images
  path  = "figures/good/x" # ERR Path used twice: good and inner .*the one lies in the other
}

output "outer" {
  value = src.raw.images
  path  = "figures" # ERR Path used twice: good and outer .*the one lies in the other
}
