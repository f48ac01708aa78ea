locals {
  huge = 1e99999 # ERR Invalid number: .*too large or too close to 0\. Take one that 64 bits can hold
}
