pipeline "chestxray" {
  description = "placeholder"
}
