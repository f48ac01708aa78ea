executor "slrum" "a" { # ERR Unknown type of executor: .*Did you mean "slurm"\?
}

executor "slurm" { # ERR Wrong labels: .*write executor "TYPE" "NAME"
}

executor "slurm" "local" { # ERR Name is taken: "local" is this machine
}

executor "slurm" "cluster" {
  partion     = "gpu"       # ERR Unknown attribute: .*Did you mean "partition"\?
  max_running = -1          # ERR Invalid value: max_running: -1 is out of bounds
  extra       = ["--x", 1]  # ERR Invalid value: extra\[1\]: must be a string, not 1
  account     = var.nothing # ERR Unknown variable: No variable is called "nothing"
  resources { # ERR Unknown block: Block "executor" holds no block "resources"
  }
}

executor "slurm" "cluster" { # ERR Executor declared twice: Executor "cluster" is also declared at
}

stage "src" "a" {
  source   = "phantom://x"
  executor = "clutser" # ERR Invalid value: executor: there is no executor "clutser"\. Did you mean "cluster"\?
  retry {
    attempts = 3
    on       = ["node_fail", "timeout", "out_of_memory"]
  }
}
