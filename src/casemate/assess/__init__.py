"""What tracks mean: class, impact, threat, warning. The stages are strangers; only the pipeline knows their order."""
