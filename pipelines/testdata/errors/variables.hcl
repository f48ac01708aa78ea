variable "must" { # ERR Variable without a value: .*Set it with -var must=VALUE, in a -var-file, or by the environment variable PIPE_VAR_must
  type = string
}

variable "seeds" { 
  type    = list(number)
  default = ["a"] # ERR Wrong type: The default of variable "seeds" must be list\(number\): a number is required, not \["a"\]
}

variable "size" {
  type    = number
  default = 7
  validation {
    condition     = var.size % 2 == 0 # ERR Invalid value for variable: The size must be even\.\nvar.size is 7
    error_message = "The size must be even."
  }
}

variable "size" { # ERR Variable declared twice: Variable "size" is also declared at testdata/errors/variables.hcl:10
}

variable "x" {
  typ     = string # ERR Unknown attribute: .*Did you mean "type"\?
  default = 1
}

variable "y" {
  type    = strng # ERR Invalid type specification
  default = 1
}
