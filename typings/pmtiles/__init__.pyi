# The little of pmtiles that Casemate uses, typed.
