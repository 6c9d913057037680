# libasterix has types, 6 MB of them, which take a checker minutes: this is the little that Casemate uses.
