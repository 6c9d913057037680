"""SAPIENT (BSI Flex 335 v2.0): sensors that speak it, and recordings of them, into plots."""
