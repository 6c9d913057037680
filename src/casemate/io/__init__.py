"""The edge: settings, journal, tables, recordings and pictures. Units of files become SI and radians here.

It must not know tracking, assessment or simulation: it moves messages and declarations, it does not judge them.
"""
