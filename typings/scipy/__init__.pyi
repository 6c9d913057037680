# The little of scipy that Casemate uses, typed.
