"""Point defence by rapid-fire guns, in simulation only: generic figures, no interface to any weapon.

Nothing in here leaves a run but engagement records: no aim point, no lead angle, in any file, message or format.
"""
