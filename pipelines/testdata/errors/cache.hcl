cache {
  url   = "https://me:hush@cache" # ERR Invalid value: url: it holds a password: put USER:PASSWORD into the environment variable that token_env names
  pusch = true                    # ERR Unknown attribute: Block "cache" has no attribute "pusch"\. Did you mean "push"\?
}

cache { # ERR Second cache block: The cache is also declared at
}

cache "lab" { # ERR Wrong labels: Block "cache" has 1 labels; write cache \{ # ERR Second cache block
}
