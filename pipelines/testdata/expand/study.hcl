# Every construct of the language once; its expansion is in study.json.
pipeline "study" {
  description      = "A small study"
  required_version = ">= 0.1"
}

variable "seeds" {
  type    = list(number)
  default = [0, 1]
}

locals {
  methods = ["lora", "full"]
  rates   = { lora = 0.01, full = 0.001 }
}

stage "src" "raw" {
  source = "phantom://x?count=3"
  split  = { train = 0.75, test = 0.25 }
}

stage "train" "tuned" {
  matrix  = { method = local.methods, seed = var.seeds }
  exclude = [{ method = "full", seed = 1 }]
  data    = src.raw.images
  method  = each.method
  rate    = local.rates[each.method]
  seed    = each.seed
  resources {
    cpus   = each.method == "full" ? 2 : 1
    memory = "512MiB"
    time   = "90m"
  }
  retry {
    attempts = 3
    on       = ["crash", "timeout"]
  }
  executor = "local"
  salt     = "2024"
}

stage "command" "count" {
  matrix  = train.tuned.matrix
  code    = ["scripts/*.py"]
  inputs  = { log = train.tuned.log, here = "study.hcl" }
  outputs = { table = "table-${each.seed}.csv" }
  params  = { seed = each.seed, nested = { a = [1, 2] } }
  env     = { MODE = "fast", OUT = output.table }
  command = ["python3", "scripts/count.py", input.log, "--out=${output.table}", params.file]
}

stage "report" "methods" {
  matrix = { seed = var.seeds }
  runs   = all.train.tuned.log
  title  = format("seed %d", each.seed)
}

output "report" {
  matrix      = report.methods.matrix
  value       = report.methods.report
  path        = "figures/report-${each.seed}.svg"
  description = "One for each seed"
}
