"""The nouns of Casemate: records (bulk rows), messages (what flows) and the catalog (what is declared)."""
