stage "command" "a" {
  command = ["cat", input.txet, output.out, params.fil] # ERR Unknown input: Stage command.a has no input.txet\. Did you mean "text"\? # ERR Unknown params: .*Did you mean "file"\?
  inputs  = { text = "command.hcl" }
  outputs = { out = "out.txt" }
}

stage "command" "b" {
  command = ["x"]
  code    = ["*.py"]             # ERR No such file: Nothing in .*testdata/errors matches "\*\.py"
  outputs = { out = "../out.txt" } # ERR Invalid output file: Output out must be a file name relative to the stage's own folder
}

stage "command" "c" {
  command = []  # ERR Invalid value: command: names no program
  code    = []
  outputs = { a = "x.txt", b = "y.txt" }
}

stage "command" "d" { # ERR Missing attribute: Stage type "command" needs outputs
  command = ["x"]
}

locals {
  outs = { a = "a.txt" }
}

stage "command" "e" {
  command = ["x"]
  outputs = local.outs # ERR Outputs must be written out
}

stage "command" "f" {
  command = ["x", input.a]
  inputs  = { a = "phantom://x" } # ERR Generated input: a is phantom://x, but stage type "command" reads files
  outputs = { a = "x", b = "x" }  # ERR File used twice: Outputs a and b are both written to "x"
}

stage "command" "g" {
  command = ["x"]
  code    = ["../secret.py"] # ERR Code outside of the pipeline's folder
  outputs = { "a b" = "x" }  # ERR Invalid output name
}
