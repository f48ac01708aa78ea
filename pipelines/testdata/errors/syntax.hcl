stage "src" "a" {
  source = # ERR Invalid expression: Expected the start of an expression
  size = 3
}
