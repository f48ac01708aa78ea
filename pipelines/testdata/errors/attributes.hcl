pipeline "x" {
  required_version = ">= 9" # ERR Unsuitable version of pipe: .*needs >= 9
  descripton       = "x"    # ERR Unknown attribute: .*Did you mean "description"\?
}

stray = 1 # ERR Unexpected attribute: "stray" stands outside of any block

stge "src" "x" { # ERR Unknown block: There is no block type "stge"\. Did you mean "stage"\?
}

stage "src" { # ERR Wrong labels: .*write stage "TYPE" "NAME"
}

stage "src" "two words" { # ERR Invalid name: "two words" cannot be referred to
}

stage "src" "a" { # ERR Missing input: Stage type "src" needs source: where the data comes from
  sise = 64 # ERR Unknown attribute: Stage type "src" has no attribute "sise"\. Did you mean "size"\?
}

stage "src" "b" {
  source = "no/such/folder" # ERR No such file: source is "no/such/folder", and there is neither .*testdata/errors/no/such/folder nor 
  size   = "64"             # ERR Invalid value: size: must be a number, not "64"
  mode   = "gray"           # ERR Invalid value: mode: "gray" is not one of grey, colour\. Did you mean "grey"\?
  tags   = ["small", "wid"] # ERR Invalid value: tags\[1\]: "wid" is not one of .*Did you mean "wide"\?
  split = {
    train = 0.5
    test  = 1.5 # ERR Invalid value: split.test: 1.5 is out of bounds
  }
}

stage "src" "c" {
  source = "http://example.org/data" # ERR Unknown kind of address: .*Download the data and give the path
  size   = 0                         # ERR Invalid value: size: 0 is out of bounds: from 1 to 512
  images = "x"                       # ERR Output cannot be set: images is what stage type src makes\. Refer to it as src.c.images
}

stage "src" "d" {
  source = 5   # ERR Wrong type: source must be an artifact .*, not 5
  size   = 1.5 # ERR Invalid value: size: must be a whole number, not 1.5
  split { # ERR Not a block: split is an attribute: write split = 
  }
  resources = 4 # ERR Not an attribute: resources is a block
}

stage "train" "e" { # ERR Missing attribute: Stage type "train" needs method: required
  data = src.d.images
  resources {
    cpu    = 2     # ERR Unknown attribute: .*Did you mean "cpus"\?
    cpus   = 0     # ERR Invalid value: resources.cpus: must be a whole number from 1, not 0
    memory = "6 g" # ERR Invalid value: resources.memory: must be a size such as "6GiB"
    gpus   = -1    # ERR Invalid value: resources.gpus: must be a whole number from 0, not -1
    time   = "6"   # ERR Invalid value: resources.time: must be a duration
  }
  retry {
    attempts = 2
    on       = ["timout"] # ERR Invalid value: retry.on: timout is no kind of failure\. Did you mean "timeout"\?
  }
  executor = "slrm" # ERR Invalid value: executor: there is no executor
  salt     = 5      # ERR Invalid value: salt: must be a string
  rate     = uuid() # ERR Error in function call: .*it gives another value at every run
}

stage "report" "f" {
  runs  = "file.txt"  # ERR Wrong type: runs must be all.TYPE.NAME.OUTPUT, not "file.txt"
  title = timestmp()  # ERR Call to unknown function
}

stage "report" "g" {
  runs  = null        # ERR Missing input: runs is null
  title = timestamp() # ERR Error in function call: .*give the time as a variable
}
